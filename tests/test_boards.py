"""Committed boards: what publishing writes and refuses, and that the tables are the records'."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from hyperbench.boards.choice import Choice
from hyperbench.boards.committed import (
    REFERENCES,
    TABLE,
    VALUES,
    generated_tables,
    publish,
    reference_returns,
)
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.tables import csv_text, markdown
from hyperbench.commands.publish import publish_command
from hyperbench.errors import HyperbenchError
from hyperbench.hookspecs import hookimpl
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.bundle import TABLE as ROWS
from hyperbench.records.bundled import open_run
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.records.gather import PROTOCOL
from hyperbench.records.lines import LINES, SHARED
from hyperbench.records.store import EPISODES, StoredRun
from hyperbench.registry import PluginSource, Registry, installed
from hyperbench.registry.own import ARMS

BOARDS = Path(__file__).parents[1] / "leaderboards"
COMMITTED = sorted(path.parent for path in BOARDS.glob(f"*/*/{PROTOCOL}"))

RULES = EvalProtocol(
    id="toy-v1", summary="for tests", seeds=(SeedPair(split=0, fit=0), SeedPair(split=1, fit=7))
)
REGISTRY = Registry(
    [
        PluginSource(
            "toy",
            "toy",
            "1",
            lambda: SimpleNamespace(hyperbench_protocols=hookimpl(lambda: [RULES])),
        )
    ]
)
SCORES = np.arange(8) / 10


@pytest.mark.parametrize("board", COMMITTED, ids=lambda board: "/".join(board.parts[-2:]))
def test_committed_board_is_what_its_records_say(board):
    for name, text in generated_tables(board).items():
        assert (board / name).read_text(encoding="utf-8") == text, (
            f"{name} is not what the records say. Make it anew with: hyperbench publish {board}"
        )
    pd.testing.assert_frame_equal(pd.read_parquet(board / REFERENCES), reference_returns(board))
    rules = EvalProtocol.model_validate_json((board / PROTOCOL).read_bytes())
    assert rules.rules_hash == installed().protocol(board.name).rules_hash
    for run in find_runs([board]):
        stored = open_run(run)
        assert run.name == stored.record.key
        assert stored.check() or stored.record.status == "failed"


@pytest.fixture
def write_row(write_run):
    """Write all runs of a method under the protocol, arms with it where they are asked for."""

    def write(method, scores=SCORES, arms=False, **fields):
        fields = {"protocol": RULES, "num_target_rollouts": 80, **fields}
        for split, fit in ((0, 0), (1, 7)):
            if arms:
                for arm in ARMS:
                    level = 100.0 if arm == "expert" else 0.0
                    write_run(arm, np.full(8, level), is_arm=True, split_seed=split, **fields)
            write_run(method, 100 * scores, split_seed=split, fit_seed=fit, **fields)

    return write


@pytest.fixture
def boards(tmp_path):
    return tmp_path / "leaderboards"


def tree(folder):
    return {
        path.relative_to(folder): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_publishing_makes_a_whole_board(tmp_path, boards, write_row):
    write_row("learned", arms=True)
    for run in find_runs([tmp_path / "runs"]):
        (run / "generator").mkdir()
        (run / "generator" / "weights").write_text("not for the board")
    (board,) = publish([tmp_path / "runs"], boards, REGISTRY)
    assert board == boards / "toy" / "toy-v1"
    assert {path.name for path in board.iterdir()} == {PROTOCOL, REFERENCES, RECORDS, TABLE, VALUES}
    names = {f"{method}{ending}" for method in ("learned", *ARMS) for ending in (LINES, ROWS)}
    assert {path.name for path in (board / RECORDS).iterdir()} == {SHARED, *names}
    for run in find_runs([tmp_path / "runs"]):
        original = StoredRun.read(run)
        copy = open_run(board / RECORDS / f"{original.record.method}{LINES}" / run.name)
        assert copy.content() == original.content()
        for name, values in original.episodes().items():
            np.testing.assert_array_equal(copy.episodes()[name], values)
    # Made of the copies, the tables are those of the originals.
    measured = make_boards(find_runs([tmp_path / "runs"]))
    assert (board / TABLE).read_text().endswith(markdown(measured[0]))
    assert (board / VALUES).read_text() == csv_text(measured)
    assert EvalProtocol.model_validate_json((board / PROTOCOL).read_bytes()) == RULES
    references = pd.read_parquet(board / REFERENCES)
    assert list(references) == ["family", "split_seed", "task", "random", "expert"]
    assert len(references) == 2 * 8
    assert set(references["random"]) == {0}
    assert set(references["expert"]) == {100}


def test_a_row_is_added_and_nothing_else_moves(tmp_path, boards, write_row):
    write_row("learned", arms=True)
    publish([tmp_path / "runs"], boards, REGISTRY)
    before = tree(boards)
    shutil.rmtree(tmp_path / "runs")
    write_row("mine/new", SCORES + 1)
    publish([tmp_path / "runs"], boards, REGISTRY)
    after = tree(boards)
    changed = {path.name for path in before if before[path] != after[path]}
    assert changed == {TABLE, VALUES}
    assert "mine/new" in (boards / "toy" / "toy-v1" / TABLE).read_text()
    # Its own runs published again, a board stays as it is; altered tables are made anew.
    (boards / "toy" / "toy-v1" / TABLE).write_text("better numbers")
    publish([boards / "toy" / "toy-v1"], boards, REGISTRY)
    assert tree(boards) == after


def test_a_board_and_ones_own_runs_are_one_board(tmp_path, boards, write_row):
    write_row("learned", arms=True)
    publish([tmp_path / "runs"], boards, REGISTRY)
    shutil.rmtree(tmp_path / "runs")
    write_row("mine", SCORES + 0.2, arms=True)
    write_row("learned", SCORES + 0.1)  # as on another machine
    (board,) = make_boards(find_runs([boards, tmp_path / "runs"]))
    scores = {row.method: row["score"].value for row in board.rows}
    assert scores["learned"] == pytest.approx(0.35)
    assert scores["mine"] == pytest.approx(0.55)
    (note,) = board.notes
    assert note.endswith("the committed board's counts: learned.")


def test_failed_runs_are_published_and_superseded(tmp_path, boards, write_row, write_run):
    write_row("learned", arms=True)
    seeds = {"split_seed": 1, "fit_seed": 7}
    write_run("learned", protocol=RULES, **seeds)
    publish([tmp_path / "runs"], boards, REGISTRY)
    board = boards / "toy" / "toy-v1"
    assert "Failed: learned on toy/size-v1 (split 1, fit 7)" in (board / TABLE).read_text()
    write_row("learned")
    publish([tmp_path / "runs"], boards, REGISTRY, choice=Choice(methods=["learned"]))
    assert "Failed" not in (board / TABLE).read_text()
    write_run("learned", protocol=RULES, **seeds)
    publish([tmp_path / "runs"], boards, REGISTRY, choice=Choice(methods=["learned"]))
    assert "Failed" not in (board / TABLE).read_text(), "a failure never takes a result's place"


def alter(tmp_path, write_run):
    run = next(
        r for r in find_runs([tmp_path / "runs"]) if StoredRun.read(r).record.method == "new"
    )
    (run / EPISODES).write_bytes((run / EPISODES).read_bytes() + b" ")


def lose(tmp_path, write_run):
    run = next(
        r for r in find_runs([tmp_path / "runs"]) if StoredRun.read(r).record.method == "new"
    )
    shutil.rmtree(run)


def contradict(tmp_path, write_run):
    write_run("learned", SCORES, protocol=RULES)


def other_seed(tmp_path, write_run):
    write_run("new", SCORES, protocol=RULES, split_seed=1, fit_seed=1)


def other_rules(tmp_path, write_run):
    write_run("new", SCORES, protocol=RULES.model_copy(update={"num_episodes": 3}))


def unknown_protocol(tmp_path, write_run):
    write_run("new", SCORES, protocol=RULES.model_copy(update={"id": "toy-v2"}))


def other_family(tmp_path, write_run):
    write_run("new", SCORES, protocol=RULES, family="toy/other-v1")


def other_board(tmp_path, write_run):
    """Good for the first board, while a second one lacks its arms."""
    write_run("new", SCORES, protocol=RULES, family="zoo/other-v1")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (alter, f"{EPISODES} was altered"),
        (lose, "Missing: new on toy/size-v1 (split "),
        (contradict, "another result than the same run on the board"),
        (other_seed, "seeds that toy-v1 does not name: split 1, fit 1"),
        (other_rules, "follows other rules under the name toy-v1"),
        (unknown_protocol, "Unknown protocol 'toy-v2'. Did you mean 'toy-v1'?"),
        (other_family, "Missing: expert on toy/other-v1 (split 0, fit 0), expert on toy/other-v1"),
        (other_board, "Missing: expert on zoo/other-v1 (split 0, fit 0)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_refused_changes_nothing(tmp_path, boards, write_row, write_run, spoil, message):
    write_row("learned", arms=True)
    publish([tmp_path / "runs"], boards, REGISTRY)
    shutil.rmtree(tmp_path / "runs")
    write_row("new", SCORES / 2)
    spoil(tmp_path, write_run)
    before = tree(boards)
    with pytest.raises(HyperbenchError) as caught:
        publish([tmp_path / "runs"], boards, REGISTRY)
    assert message in str(caught.value)
    assert tree(boards) == before


def test_an_interrupted_publication_changes_nothing(tmp_path, boards, write_row, monkeypatch):
    write_row("learned", arms=True)
    publish([tmp_path / "runs"], boards, REGISTRY)
    before = tree(boards)
    write_row("new")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("hyperbench.boards.committed.csv_text", interrupted)
    with pytest.raises(KeyboardInterrupt):
        publish([tmp_path / "runs"], boards, REGISTRY)
    assert tree(boards) == before


def test_only_some_methods_are_published(tmp_path, boards, write_row):
    write_row("learned", arms=True)
    write_row("secret", SCORES / 2)
    (board,) = publish([tmp_path / "runs"], boards, REGISTRY, choice=Choice(methods=["learned"]))
    assert not (board / RECORDS / f"secret{LINES}").exists()
    with pytest.raises(
        HyperbenchError, match=r"method or row in these runs 'secrt'\. Did you mean"
    ):
        publish([tmp_path / "runs"], boards, REGISTRY, choice=Choice(methods=["secrt"]))


def test_arms_come_along_with_a_method_where_the_board_lacks_them(
    tmp_path, boards, write_row, write_run
):
    """What the board has stays, whatever the arms beside one's own runs earned."""
    write_row("learned", arms=True)
    choice = Choice(methods=["learned"])
    (board,) = publish([tmp_path / "runs"], boards, REGISTRY, choice)
    before = tree(board)
    shutil.rmtree(tmp_path / "runs")
    write_row("own", arms=True)
    for split in (0, 1):
        write_run("expert", np.full(8, 50.0), is_arm=True, split_seed=split, protocol=RULES)
    with pytest.raises(HyperbenchError, match="another result than the same run on the board"):
        publish([tmp_path / "runs"], boards, REGISTRY)
    told = []
    publish([tmp_path / "runs"], boards, REGISTRY, Choice(methods=["own"]), told.append)
    assert told == []
    assert (board / REFERENCES).read_bytes() == before[Path(REFERENCES)]


def test_a_row_that_nobody_can_verify_needs_a_word(tmp_path, boards, write_row):
    write_row("learned", arms=True)
    write_row("spoken", not_stored="Spoken lacks to_arrays")
    with pytest.raises(HyperbenchError, match=r"verified by anybody: spoken \(Spoken lacks to_arr"):
        publish([tmp_path / "runs"], boards, REGISTRY)
    (board,) = publish([tmp_path / "runs"], boards, REGISTRY, unverifiable=True)
    assert "cannot be verified: spoken (Spoken lacks to_arrays)" in (board / TABLE).read_text()
    publish([board], boards, REGISTRY)  # its own runs have been taken


def test_another_world_needs_its_own_arms_only(tmp_path, boards, write_row):
    """New experts make another group of rows; those that are published need not be measured."""
    write_row("learned", arms=True)
    publish([tmp_path / "runs"], boards, REGISTRY)
    shutil.rmtree(tmp_path / "runs")
    write_row("new", experts="e2")
    with pytest.raises(HyperbenchError, match="Missing: expert on"):
        publish([tmp_path / "runs"], boards, REGISTRY)
    write_row("new", experts="e2", arms=True)
    (board,) = publish([tmp_path / "runs"], boards, REGISTRY)
    assert "toy-v1, group 2 of 2" in (board / TABLE).read_text()


def test_the_command_tells_what_is_on_the_board(
    tmp_path, boards, write_row, write_run, monkeypatch, capsys
):
    write_row("learned", arms=True)
    run = find_runs([tmp_path / "runs"])[0]
    provenance = StoredRun.read(run).record.provenance.model_copy(update={"dirty": True})
    write_row("edited", provenance=provenance)
    monkeypatch.setattr("hyperbench.commands.publish.installed", lambda: REGISTRY)
    publish_command([tmp_path / "runs"], boards)
    told = capsys.readouterr().out
    assert f"{TABLE}: 7 rows of 14 runs" in told.replace("\n", "")
    assert "Measured with uncommitted changes to hyperbench-rl: edited." in told
