"""What measures boards and studies: whole parts are kept, and not measured again."""

import shutil
from pathlib import Path

import pytest

from hyperbench.records.find import find_runs

ROOT = Path(__file__).parents[1]
FINDINGS = ROOT / "docs" / "findings"


@pytest.mark.thorough
def test_a_family_that_is_kept_is_not_measured_again_and_makes_the_board(
    tmp_path, monkeypatch, script
):
    measure = script(ROOT / "leaderboards" / "measure.py")
    methods = ("nearest-clone", "kernel-clones", "spec-blind")
    part = measure.Part("pointmass", "quick-v2", methods=methods)
    monkeypatch.setattr(measure, "PARTS", (part,))
    monkeypatch.setattr(measure, "MATCHED", ("conditional",))
    monkeypatch.setattr(measure, "BOARDS", tmp_path / "boards")
    monkeypatch.setattr(measure, "UNFINISHED", tmp_path / "unfinished")
    runs = tmp_path / "runs"

    assert measure.publish("") == 0
    assert not (tmp_path / "boards").exists()
    assert measure.run(runs, "", []) == 0
    assert {path.name for path in part.kept.iterdir()} == {"goal-drag-v1", "goal-drag-v1-shuffled"}
    shutil.rmtree(runs)
    assert measure.run(runs, "", []) == 0
    assert not runs.exists()

    assert measure.publish("") == 0
    board = tmp_path / "boards" / "pointmass" / "quick-v2"
    table = (board / "table.md").read_text(encoding="utf-8")
    for row in ("conditional [preset=matched]", "kernel-clones (shuffled-spec)", "reuse-bound"):
        assert row in table
    (draft,) = (part.kept / "goal-drag-v1").rglob("records")
    assert {run.name for run in find_runs([draft.parent])} < {
        run.name for run in find_runs([board])
    }


@pytest.mark.thorough
def test_a_study_reads_what_is_kept_and_what_is_new(tmp_path, monkeypatch, script):
    study = script(FINDINGS / "study.py")
    monkeypatch.setattr(study, "HERE", tmp_path)
    cells = [
        study.Cell("one", ("nearest-clone",), ("num_steps=20",), "pointmass", splits=1),
        study.Cell("other", ("spec-blind",), ("num_steps=20",), "pointmass", splits=1),
    ]
    runs = tmp_path / "runs"
    first = study.Study("kept", (FINDINGS / "more_demonstrations.py",), cells[:1])
    assert first.run(runs, []) == 0
    first.keep(runs)
    shutil.rmtree(runs)

    both = study.Study("kept", (FINDINGS / "more_demonstrations.py",), cells)
    assert [cell.name for cell in both.whole(runs)] == ["one"]
    assert both.run(runs, []) == 0
    assert [cell.name for cell in both.whole(runs)] == ["one", "other"]
    [fit] = set(cells[0].keys()) - set(cells[1].keys())
    assert not (runs / fit).exists()
    both.keep(runs)
    shutil.rmtree(runs)
    assert [cell.name for cell in both.whole(runs)] == ["one", "other"]
