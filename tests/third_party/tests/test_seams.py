"""Every seam is used from outside: what plugs in is measured, verified, filmed and published."""

from dataclasses import replace
from functools import partial
from unittest.mock import ANY

import numpy as np
import pytest
from hyperbench_seams import plugin
from hyperbench_seams.recurrent import FilteredPolicies
from hyperbench_seams.rooms import OnlyShown, SlowlyShown

from hyperbench.arms import play_arm
from hyperbench.boards.committed import publish
from hyperbench.boards.leaderboard import make_boards
from hyperbench.commands.executing import Place
from hyperbench.errors import ContractError, HyperbenchError, UnknownNameError
from hyperbench.events import Event, Listeners, emit
from hyperbench.executors import Here, Outcome, Site
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.dataset import load
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.measuring.sharing import Due, carry_out
from hyperbench.records.bundled import open_run
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.report.content import read_content
from hyperbench.report.page import render_page
from hyperbench.rollout import judged_seeds
from hyperbench.testing import (
    check_expert_acts_within_bounds,
    check_family,
    check_method,
    check_seed_matters,
)
from hyperbench.tuning.case import make_case
from hyperbench.verification.replay import verify_run
from hyperbench.view.video import film

PROTOCOL = plugin.hyperbench_protocols()[0]
METHODS = ["seams-filtered", "seams-unstored"]


@pytest.fixture(scope="module")
def registry():
    return Registry([PluginSource("seams", "hyperbench-seams", "0.1", lambda: plugin)])


@pytest.fixture(scope="module")
def site(registry, tmp_path_factory):
    """With the demonstrations of both families."""
    place = Site(tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("data"))
    for id_ in registry.families:
        ensure_demonstrations(Wanted(id_, PROTOCOL), place, lambda _: None, registry=registry)
    return place


@pytest.fixture(scope="module")
def runs(registry, site):
    return plan(registry, METHODS, "seams", PROTOCOL, data_dir=site.data)


@pytest.fixture(scope="module")
def measured(registry, site, runs):
    """All runs of both families; their folders by method and family."""
    mapped = partial(execute, registry=registry)
    done = [outcome.result for outcome in Here().map(mapped, runs, site, lambda _: None)]
    assert [record.error for record in done if record.status == "failed"] == []
    return {(record.method, record.family): site.runs / record.key for record in done}


@pytest.fixture(scope="module")
def board(measured, site):
    (made,) = make_boards(find_runs([site.runs]))
    return made


@pytest.mark.parametrize("family", [SlowlyShown(), OnlyShown()], ids=lambda f: f.info.id)
def test_families_keep_the_contract(family):
    check_family(family)


def test_demonstrators_that_leave_the_bounds_are_found():
    class Loud(SlowlyShown):
        def demonstrators(self, tasks):
            return replace(super().demonstrators(tasks), action_high=np.array([3.0], np.float32))

    with pytest.raises(ContractError, match="Demonstrator of family seams"):
        check_expert_acts_within_bounds(Loud())


def test_the_method_keeps_the_contract(registry, monkeypatch):
    # As if it was installed: its kind of policies is found by name.
    monkeypatch.setattr("hyperbench.testing.method_record.installed", lambda: registry)
    check_method(registry.method_class("seams-filtered"), except_for=[check_seed_matters])


def test_a_kind_of_policies_is_stored_and_verified(registry, measured):
    folder = measured["seams-filtered", "seams/slowly-shown-v1"]
    policies = StoredRun.read(folder).policies(registry)
    assert isinstance(policies, FilteredPolicies)
    verdict = verify_run(folder, registry, num_tasks=None, seed=0)
    assert (verdict.stamp, verdict.reasons) == ("verified", ())
    assert verdict.num_played == verdict.num_judged > 0


def test_its_memory_matters_and_is_forgotten(registry, measured):
    run = StoredRun.read(measured["seams-filtered", "seams/slowly-shown-v1"])
    policies = run.policies(registry)
    rng = np.random.default_rng(0)
    first, then = rng.uniform(12, 28, (2, policies.num_tasks, 3, 1)).astype(np.float32)
    policies.reset()
    policies.act(first)
    remembering = policies.act(then)
    policies.reset()
    assert (remembering != policies.act(then)).any()


def test_a_kind_of_policies_is_filmed(registry, measured, tmp_path):
    pytest.importorskip("imageio_ffmpeg")
    run = StoredRun.read(measured["seams-filtered", "seams/slowly-shown-v1"])
    family = SlowlyShown()
    task = next(task for task in family.tasks if task.key == run.record.targets[1].key)
    seed = int(run.episodes()["seed"][2])
    made = film(family, task, run.policies(registry).take([1]), seed, tmp_path / "film.mp4")
    assert made.table.returns[0, 0] == run.episodes()["return"][2]
    assert (tmp_path / "film.mp4").stat().st_size > 1000


def test_a_kind_of_policies_is_published_and_shown(registry, measured, tmp_path):
    folders = [folder for (method, _), folder in measured.items() if method != "seams-unstored"]
    (board,) = publish(folders, tmp_path, registry)
    assert "| seams-filtered |" in (board / "table.md").read_text()
    kept = [open_run(run).kept_tasks for run in find_runs([board])]
    assert [tasks for tasks in kept if tasks] == [ANY, ANY], "one task's of each family"
    page = render_page(read_content(find_runs([board])), {})
    assert "seams-filtered" in page


def test_without_its_plugin_a_kind_is_named(measured):
    folder = measured["seams-filtered", "seams/slowly-shown-v1"]

    class WithoutKind:
        """The same plugin, but for its kind of policies."""

        hyperbench_families = staticmethod(plugin.hyperbench_families)
        hyperbench_methods = staticmethod(plugin.hyperbench_methods)
        hyperbench_protocols = staticmethod(plugin.hyperbench_protocols)

    poorer = Registry([PluginSource("seams", "hyperbench-seams", "0.1", lambda: WithoutKind)])
    verdict = verify_run(folder, poorer, num_tasks=1, seed=0)
    assert verdict.stamp == "unverifiable"
    assert "Unknown kind of policies 'seams-filtered'" in verdict.reasons[0]


def test_policies_of_no_kind_are_told_on_the_board(registry, measured, board):
    folder = measured["seams-unstored", "seams/slowly-shown-v1"]
    assert not StoredRun.read(folder).keeps_policies
    (note,) = [note for note in board.notes if "not stored" in note]
    assert note.startswith("Policies not stored: cannot be verified: seams-unstored (Lookup lacks")
    assert "seams-filtered" not in note
    verdict = verify_run(folder, registry, num_tasks=1, seed=0)
    assert verdict.stamp == "unverifiable"
    assert "Lookup lacks kind" in verdict.reasons[0]


def test_demonstrators_demonstrate_and_are_reused_and_experts_are_score_1(registry, site, board):
    family = SlowlyShown()
    tasks = family.tasks[:3]
    found, _ = ensure_demonstrations(
        Wanted(family.info.id, PROTOCOL), site, lambda _: None, registry=registry
    )
    shown = load(family, found, tasks)
    observations = np.stack([shown.observations(i) for i in range(3)])
    actions = np.stack([shown.actions(i) for i in range(3)])
    np.testing.assert_allclose(family.demonstrators(tasks).act(observations), actions, atol=1e-6)
    assert (family.expert(tasks).act(observations) != actions).any()

    split = PROTOCOL.split(family, 0)
    seeds = judged_seeds(split, PROTOCOL)
    expert, nearest, reused = (
        play_arm(arm, family, split, seeds)[0].returns.mean()
        for arm in ("expert", "nearest-expert", "reuse-bound")
    )
    assert nearest <= reused < expert
    rows = {row.method: row.by_family["score"]["seams/slowly-shown-v1"] for row in board.rows}
    assert rows["expert"] == 1
    assert rows["demonstrator"] is None


def test_without_an_expert_score_1_is_what_demonstrators_earn(registry, site, runs, board):
    arms = {run.method for run in runs if run.family == "seams/only-shown-v1" and run.is_arm}
    assert arms == {"random", "zero-action", "nearest-expert", "reuse-bound", "demonstrator"}
    rows = {row.method: row.by_family["score"]["seams/only-shown-v1"] for row in board.rows}
    assert (rows["random"], rows["demonstrator"], rows["expert"]) == (0, 1, None)
    assert rows["seams-filtered"] is not None
    assert "seams/only-shown-v1: no expert; score 1 is what the demonstrators earn." in board.notes
    learned = next(run for run in runs if run.family == "seams/only-shown-v1" and not run.is_arm)
    case = make_case(learned, registry, site.data, 1)
    assert (case.expert > case.random).all()


class Loses:
    """An executor that loses all it is given."""

    def map(self, function, items, site, notify):
        """Map as ``Executor.map``."""
        for item in items:
            yield Outcome(item, None, lost="killed by signal 9")


def test_another_executor_gives_the_same_board(registry, runs, site, board, tmp_path, monkeypatch):
    monkeypatch.setattr("hyperbench.measuring.conductor.installed", lambda: registry)
    elsewhere = Site(tmp_path, site.data)
    with Place("backwards", settings={"num_threads": 1}).make(registry) as executor:
        records = list(carry_out([*map(Due, runs)], executor, elsewhere, lambda _: None))
    assert [record.key for record in records] == [run.key for run in reversed(runs)]
    (again,) = make_boards(find_runs([tmp_path]))

    def told(made):
        timed = ("fit_seconds", "generate_seconds")
        return [
            {name: e for name, e in row.estimates.items() if name not in timed} for row in made.rows
        ]

    assert told(again) == told(board)


def test_settings_that_an_executor_does_not_have_are_refused(registry):
    with pytest.raises(UnknownNameError, match=r"setting of executor 'backwards'.*num_threads"):
        Place("backwards", settings={"threads": 2}).make(registry)
    with pytest.raises(
        HyperbenchError, match=r"'backwards' cannot do that. num_threads: .*integer"
    ):
        Place("backwards", settings={"num_threads": "few"}).make(registry)
    with pytest.raises(UnknownNameError, match=r"executor 'backward'\. Did you mean 'backwards'"):
        Place("backward").make(registry)


def test_what_an_executor_loses_is_a_failed_record(registry, runs, site, tmp_path, monkeypatch):
    monkeypatch.setattr("hyperbench.measuring.conductor.installed", lambda: registry)
    events = []
    lost = list(carry_out([*map(Due, runs[:2])], Loses(), Site(tmp_path, site.data), events.append))
    assert [record.error for record in lost] == ["killed by signal 9"] * 2
    assert [(event.run, event.status) for event in events] == [
        (run.key, "failed") for run in runs[:2]
    ]


def test_a_listener_that_raises_harms_nobody(registry, runs, tmp_path, site):
    def broken(event):
        raise OSError("the terminal is gone")

    seen = []
    learned = next(run for run in runs if not run.is_arm)
    listeners = Listeners(broken, seen.append)
    for watch in (broken, listeners):
        record = execute(learned, Site(tmp_path, site.data), watch, registry=registry)
        assert record.status == "ok"
    assert seen[-1].status == "ok"
    assert all(isinstance(event, Event) and event.run == learned.key for event in seen)
    assert len(listeners.failures) == 1
    assert "watches no longer: OSError: the terminal is gone" in listeners.failures[0]
    emit(broken, "anything", "at all")
