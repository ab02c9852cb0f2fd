"""Fresh tasks: away from all that is known, the same for who has the secret, honestly compared."""

import shutil

import numpy as np
import pytest

from hyperbench.commands.fresh import fresh_command
from hyperbench.errors import DataError, ProtocolError
from hyperbench.registry import installed
from hyperbench.split import Split
from hyperbench.testing import LineFamily
from hyperbench.verification.fresh import Ground, fresh_tasks

from .test_bundle import (  # noqa: F401 -- fixtures
    METHOD,
    PROTOCOL,
    measure,
    measured,
    published,
    registry,
)

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
    assert ground.score_of_arm("expert", (), 1) == pytest.approx(1.0)
    assert ground.score_of_arm("random", (), 1) == pytest.approx(0.0)
    far = ground.score_of_arm("nearest-expert", family.tasks[:1], 1)
    assert far < ground.score_of_arm("nearest-expert", family.tasks, 1) <= 1.0


@pytest.fixture
def fresh(registry, tmp_path, monkeypatch, capsys):  # noqa: F811 -- the fixture
    monkeypatch.setattr("hyperbench.commands.fresh.installed", lambda: registry)

    def run(folder):
        options = {"num_tasks": 5, "num_threads": 1, "data_dir": tmp_path}
        sound = fresh_command([folder], secret="s", **options)
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
