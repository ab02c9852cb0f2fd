"""Fixtures that several test files share; tests cannot import each other."""

import importlib
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hyperbench_pointmass.family import GoalDrag

from hyperbench import cli
from hyperbench.boards.leaderboard import make_boards
from hyperbench.executors import Here
from hyperbench.family import FamilyInfo
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.provenance import Provenance
from hyperbench.records.find import find_runs
from hyperbench.records.record import RunRecord, SplitEntry, TaskEntry
from hyperbench.records.store import write_record
from hyperbench.rollout import EpisodeTable
from hyperbench.seeding import content_hash
from hyperbench.task import Feature, SpecSpace

# The same examples everywhere and no database: a test that fails once fails again.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")

PROTOCOL = EvalProtocol(id="test-v1", summary="for tests", seeds=(SeedPair(split=0, fit=0),))
PROVENANCE = Provenance(
    created="2026-01-01T00:00:00+00:00",
    versions={"python": "3.11"},
    machine="a machine",
    num_cores=2,
    commit=None,
    dirty=None,
)


@pytest.fixture(scope="session")
def workerless():
    """As a context: commands work in this process, which has imported all they need."""

    @contextmanager
    def here():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hyperbench.commands.prepare.Processes", lambda _: Here())
            patch.setattr("hyperbench.commands.executing.Place.make", lambda *_: Here())
            yield

    return here


@pytest.fixture
def in_this_process(workerless):
    """Let the commands of a test work in this process."""
    with workerless():
        yield


@pytest.fixture
def say(monkeypatch, capsys):
    """Run a command in this process; gives exit code, standard output and error."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["hyperbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture
def script(monkeypatch):
    """Import a script of the repository as if it were started; it is forgotten afterwards."""
    before = set(sys.modules)
    folders = set()

    def load(path):
        folders.add(path.parent)
        monkeypatch.syspath_prepend(path.parent)
        return importlib.import_module(path.stem)

    yield load
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or name).parent in folders:
            del sys.modules[name]


@pytest.fixture(scope="session")
def demonstrations_dir(tmp_path_factory):
    """Where tests that only need demonstrations find and leave them."""
    return tmp_path_factory.mktemp("demonstrations")


@pytest.fixture
def fake_jax(monkeypatch):
    """What Minari's collector needs of jax, which takes half a gigabyte: one function."""

    def tree_map(function, tree, *rest):
        if isinstance(tree, dict):
            return {n: tree_map(function, tree[n], *(other[n] for other in rest)) for n in tree}
        return function(tree, *rest)

    jax, jax.tree_util = types.ModuleType("jax"), types.ModuleType("jax.tree_util")
    jax.tree_util.tree_map = tree_map
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.setitem(sys.modules, "jax.tree_util", jax.tree_util)


@pytest.fixture(scope="session")
def pointmass():
    """The tutorial family: 48 tasks, numpy alone."""
    return GoalDrag()


@pytest.fixture(scope="session")
def make_tasks():
    """Make ``num`` tasks of a family with the one feature ``size``, evenly over [0, 1]."""
    space = SpecSpace((Feature("size", 0.0, 1.0, "m", "goal"),))

    def make(num, family="toy/size-v1"):
        return space.grid(family, size=np.linspace(0, 1, num).tolist())

    return make


@pytest.fixture(scope="session")
def make_table():
    """Make an ``EpisodeTable`` with the given returns, (num_tasks, num_episodes)."""

    def make(tasks, returns, successes=None):
        returns = np.asarray(returns, dtype=np.float64)
        return EpisodeTable(
            tasks=tuple(tasks),
            seeds=np.arange(returns.size).reshape(returns.shape),
            returns=returns,
            lengths=np.full(returns.shape, 7),
            successes=None if successes is None else np.asarray(successes, dtype=bool),
            terminated=np.zeros(returns.shape, dtype=bool),
        )

    return make


@pytest.fixture(scope="session")
def make_record(make_tasks):
    """Make a ``RunRecord``: every field can be given, the others are as of a successful run.

    ``experts`` and ``physics`` go to the family's info; ``tasks`` are the target tasks, of which
    the first half are interpolation. The key follows from what identifies a run.
    """

    def make(
        method="some-method",
        *,
        tasks=None,
        split_seed=0,
        fit_seed=0,
        experts="e1",
        physics="numpy",
        **fields,
    ):
        targets = make_tasks(8) if tasks is None else tasks
        family = fields.get("family", "toy/size-v1")
        protocol = fields.setdefault("protocol", PROTOCOL)
        is_arm = fields.setdefault("is_arm", False)
        overrides = fields.setdefault("overrides", {})
        seeds = SeedPair(split=split_seed, fit=0 if is_arm else fit_seed)
        identity = [
            method,
            family,
            experts,
            physics,
            protocol.rules_hash,
            overrides,
            seeds.model_dump(),
        ]
        target = tuple(
            TaskEntry(
                key=task.key,
                features=dict(zip(task.space.names, task.values, strict=True)),
                region="interpolation" if i < len(targets) / 2 else "extrapolation",
                distance=i / 10,
            )
            for i, task in enumerate(targets)
        )
        defaults = {
            "key": content_hash(identity),
            "config": dict(overrides),
            "method_version": 0 if is_arm else 1,
            "family": family,
            "family_info": FamilyInfo(
                family, "a family for tests", 7, True, "MIT", "nobody", physics, experts
            ),
            "device": "cpu",
            "status": "ok",
            "split": SplitEntry(source=(), validation=(), target=target),
            "provenance": PROVENANCE,
        }
        return RunRecord(method=method, seeds=seeds, **{**defaults, **fields})

    return make


@pytest.fixture
def write_run(tmp_path, make_tasks, make_record, make_table):
    """Write a run with the given returns below ``tmp_path/runs``; gives its folder."""

    def write(method, returns=None, *, successes=None, runs=tmp_path / "runs", **fields):
        tasks = fields.pop("tasks", None) or make_tasks(8 if returns is None else len(returns))
        if returns is None:
            table = None
            fields = {"status": "failed", "error": "ValueError: it broke", **fields}
        else:
            columns = np.asarray(returns, dtype=np.float64)
            table = make_table(tasks, columns if columns.ndim == 2 else columns[:, None], successes)
        return write_record(runs, make_record(method, tasks=tasks, **fields), table).folder

    return write


@pytest.fixture
def board_of(tmp_path):
    """The one board of everything written below ``tmp_path/runs``, and its rows by method."""

    def make():
        (board,) = make_boards(find_runs([tmp_path / "runs"]))
        return board, {row.method: row for row in board.rows}

    return make
