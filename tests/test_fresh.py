"""Fresh tasks: away from all that is known, the same for who has the secret, honestly compared."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from hyperbench.commands.fresh import fresh_command
from hyperbench.errors import DataError, ProtocolError
from hyperbench.registry import installed
from hyperbench.split import Split
from hyperbench.testing import LineFamily
from hyperbench.verification.fresh import (
    Ground,
    difference_interval,
    fresh_tasks,
    like_with_like,
)

from .test_bundle import (  # noqa: F401 -- fixtures
    METHOD,
    PROTOCOL,
    measure,
    measured,
    published,
    registry,
)

IN, OUT = "interpolation", "extrapolation"
CIRCLE = "inversion/point-frame-v2"


@pytest.fixture
def family(request):
    return LineFamily() if request.param is None else installed().make_family(request.param)


@pytest.mark.parametrize("family", [None, "pointmass/goal-drag-v1", CIRCLE], indirect=True)
def test_fresh_tasks_are_away_from_all_that_is_known(family):
    tasks = fresh_tasks(family, "a secret", 12)
    assert tasks == fresh_tasks(family, "a secret", 12)
    assert tasks[:5] == fresh_tasks(family, "a secret", 5), "more of them are the same and others"
    assert not {task.key for task in tasks} & {task.key for task in family.tasks}
    assert not set(tasks) & set(fresh_tasks(family, "another secret", 12))
    grid = Split(source=family.tasks, validation=(), target=())
    least = min(np.partition(grid.source_distances(task), 1)[1] for task in family.tasks)
    for task in tasks:
        assert grid.source_distances(task).min() >= 0.25 * least
        for feature, value in zip(family.spec_space.features, task.values, strict=True):
            known = [other[feature.name] for other in family.tasks]
            if feature.domain == "categories":
                assert value in known
            elif feature.domain == "interval":
                assert min(known) <= value <= max(known)


def test_where_experts_know_their_own_tasks_alone_there_are_none():
    class Learned(LineFamily):
        def expert(self, tasks):
            assert set(tasks) <= set(self.tasks), "never heard of it"
            return super().expert(tasks)

    with pytest.raises(ProtocolError, match="experts know their own tasks alone, none are"):
        fresh_tasks(Learned(), "s", 2)


def test_the_expert_is_one_on_fresh_tasks_and_a_neighbour_less():
    family = LineFamily()
    ground = Ground.make(family, fresh_tasks(family, "s", 6), 3, 1)
    assert ground.scores_of_arm("expert", (), 1) == pytest.approx(np.ones(6))
    assert ground.scores_of_arm("random", (), 1) == pytest.approx(np.zeros(6))
    far = ground.scores_of_arm("nearest-expert", family.tasks[:1], 1).mean()
    assert far < ground.scores_of_arm("nearest-expert", family.tasks, 1).mean() <= 1.0


def test_scores_are_compared_region_by_region():
    """Three in four public tasks lie outside, one in four fresh ones, and nothing else differs."""
    public = pd.Series([0.9, 0.5, 0.5, 0.5, np.nan], [IN, OUT, OUT, OUT, OUT])
    fresh = pd.Series([0.9, 0.9, 0.9, 0.5], [IN, IN, IN, OUT])
    assert like_with_like(public, fresh) == pytest.approx((0.6, 0.6))
    assert like_with_like(public, fresh[:3]) == pytest.approx((0.9, 0.9))


def test_the_interval_knows_that_all_runs_play_the_same_tasks():
    """Runs that agree on twenty tasks of which half are hard say little about other twenty."""
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        hard = rng.random(20) < 0.5
        scores = np.where(hard, 0.2, 0.8) + rng.normal(0, 0.02, (5, 20))
        low, high = difference_interval(scores.mean(axis=1) - 0.5, scores)
        inside += low <= 0 <= high
    assert 0.9 < inside / 400 <= 1
    assert difference_interval(np.zeros(1), np.zeros((1, 20))) is None


@pytest.fixture
def fresh(registry, tmp_path, monkeypatch, capsys):  # noqa: F811 -- the fixture
    monkeypatch.setattr("hyperbench.commands.fresh.installed", lambda: registry)

    def run(folder, **more):
        options = {"num_tasks": 5, "num_threads": 1, "data_dir": tmp_path}
        sound = fresh_command([folder], secret="s", **options, **more)
        return sound, capsys.readouterr()

    return run


def test_rows_are_judged_by_stored_generators_and_by_refits_alike(fresh, measured, published):  # noqa: F811
    """A board keeps no generator, so its runs are fitted anew: to the same bits."""
    found = [fresh(folder) for folder in (measured, published)]
    assert all(sound for sound, _ in found)
    assert found[0][1].out == found[1][1].out
    lines = [line.split() for line in found[0][1].out.splitlines() if METHOD in line]
    ((_, _, num_runs, public, fresh_score, difference, *_),) = lines
    assert num_runs == "2"
    assert float(fresh_score) - float(public) == pytest.approx(float(difference), abs=2e-3)
    assert "nearest-expert" in found[0][1].out


def test_a_program_reads_what_people_do(fresh, measured):  # noqa: F811
    _, told = fresh(measured)
    sound, said = fresh(measured, as_json=True)
    found = json.loads(said.out)
    assert sound
    assert (found["secret"], found["fresh_tasks"]) == ("s", 5)
    for row in found["rows"]:
        [line] = [line for line in told.out.splitlines() if f" {row['row']} " in line]
        shown = f"{row['public']:.3f}", f"{row['fresh']:.3f}", f"{row['difference']:+.3f}"
        assert line.split()[3:6] == list(shown)
        assert "{:+.3f}, {:+.3f}".format(*row["interval"]) in line


def test_rows_of_several_protocols_are_judged_apart(fresh, measured, registry, tmp_path):  # noqa: F811
    """Each by as many episodes as its protocol asks for, and beside its own score."""
    shutil.copytree(measured, tmp_path / "runs")
    quick = PROTOCOL.model_copy(update={"id": "quicker-v1", "num_episodes": 3, "max_target": 3})
    measure(registry, quick, tmp_path / "runs" / "more")
    sound, told = fresh(tmp_path / "runs")
    assert sound
    boards = [line.split()[0] for line in told.out.splitlines() if METHOD in line]
    assert sorted(boards) == ["quicker-v1", PROTOCOL.id]


def test_what_cannot_be_judged_is_told(fresh, measured, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(
        "hyperbench.commands.fresh.fresh_tasks",
        lambda *_: (_ for _ in ()).throw(ProtocolError("all of its tasks are known.")),
    )
    sound, told = fresh(measured)
    assert not sound
    assert "all of its tasks are known." in told.err
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="No run in"):
        fresh(tmp_path / "empty")
