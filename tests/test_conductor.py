"""The path on objects: what a method is given, what is kept, what a failure becomes."""

import shutil
import sys
import types
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from hyperbench import hookimpl
from hyperbench.errors import HyperbenchError, ProtocolError, UnknownNameError
from hyperbench.events import ignore
from hyperbench.executors import Here, Site
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.conductor import execute, record_failure
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.policy import MLPPolicies
from hyperbench.protocol import FEW_SHOT, QUICK
from hyperbench.records.store import StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.registry.own import ARMS
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.seeding import child_seed
from hyperbench.threads import single_threaded

PROTOCOL = QUICK.model_copy(update={"num_demonstrations": 2, "num_episodes": 2})
SUPPORTED = FEW_SHOT.model_copy(
    update={"num_demonstrations": 2, "num_episodes": 2, "num_support": 1}
)


class SpyConfig(MethodConfig):
    fail: str = ""
    """What to raise: nothing, or a kind of error."""
    scale: float = 1.0
    """Factor of the weights."""


class Peeking(MLPPolicies):
    info_key = "what experts see"


class Spy(PolicyGenerator):
    """Linear policies with random weights, which remembers what it was given."""

    Config = SpyConfig
    seen: ClassVar[dict] = {}

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        Spy.seen = {
            "source": demonstrations.specs,
            "validation": validation and validation.specs,
            "seed": seed,
            "device": device,
        }
        if self.config.fail == "loss":
            raise FloatingPointError("loss is nan at step 7")
        progress(1, 1, 0.5)
        self.demonstrations = demonstrations
        self.seed = seed
        return FitReport(num_steps=1, chosen_step=1, final_loss=0.5, num_parameters=3)

    def generate(self, specs, support=None):
        Spy.seen["specs"] = tuple(specs)
        Spy.seen["support"] = support
        given = self.demonstrations
        rng = np.random.default_rng(self.seed)
        shape = (len(specs), given.observation_dim, given.action_dim)
        weight = self.config.scale * rng.normal(size=shape).astype(np.float32)
        if self.config.fail == "nan":
            weight[...] = np.nan
        policies = Peeking if self.config.fail == "peek" else MLPPolicies
        return policies(
            (weight,),
            (np.zeros(shape[::2], np.float32),),
            np.zeros(given.observation_dim, np.float32),
            np.ones(given.observation_dim, np.float32),
            given.action_low,
            given.action_high,
        )

    def save(self, path):
        if self.config.fail == "save":
            raise ValueError("no room")
        (path / "spy.json").write_text("{}")

    def load(self, path):
        raise NotImplementedError


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    door = types.ModuleType("door_of_conductor_tests")
    door.Spy = Spy
    line = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
    door.hyperbench_families = hookimpl(lambda: [line])
    door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", ["testing/line-v1"], "one")])
    spy = MethodEntry("spy", "door_of_conductor_tests:Spy", "a spy")
    beside = MethodEntry("beside", "door_of_conductor_tests:Spy", "another", baseline=True)
    target = "door_of_conductor_tests:Spy"
    shown = MethodEntry("shown", target, "few-shot", baseline=True, track="few-shot")
    door.hyperbench_methods = hookimpl(lambda: [spy, beside, shown])
    for name in ("families", "suites", "methods"):
        hook = getattr(door, f"hyperbench_{name}")
        hook.__name__ = f"hyperbench_{name}"
    monkeypatch.setitem(sys.modules, door.__name__, door)
    return Registry([PluginSource("testing", "testing", "1", lambda: door)])


@pytest.fixture
def places(tmp_path: Path) -> Site:
    return Site(tmp_path / "runs", tmp_path / "data")


@pytest.fixture
def events() -> list:
    return []


@pytest.fixture
def go(registry, places, events):
    """Plan one method and execute its run."""

    def run(*settings: str, seeds: str = "1", method="spy", protocol=PROTOCOL, shuffled=False):
        protocol = protocol.with_seeds(seeds)
        wanted = Wanted("testing/line-v1", protocol)
        ensure_demonstrations(wanted, places, ignore, registry=registry)
        runs = plan(
            registry,
            [method],
            "testing",
            protocol,
            settings=settings,
            shuffled_spec=shuffled,
            data_dir=places.data,
        )
        chosen = next(r for r in runs if r.method == method and r.shuffled_spec == shuffled)
        record = execute(chosen, places, events.append, registry=registry)
        return chosen, record

    return run


def test_a_method_is_given_source_and_validation_and_then_target_specs_only(go) -> None:
    run, record = go()
    keys = {name: {entry.key for entry in part} for name, part in record.split}
    assert {spec.key for spec in Spy.seen["source"]} == keys["source"]
    assert {spec.key for spec in Spy.seen["validation"]} == keys["validation"]
    assert {spec.key for spec in Spy.seen["specs"]} == keys["target"]
    assert Spy.seen["support"] is None
    assert Spy.seen["seed"] == child_seed(run.seeds.fit, "fit", "spy", run.family)


def test_support_is_handed_to_a_few_shot_method_alone(go, registry, places) -> None:
    run, record = go(method="shown", protocol=SUPPORTED)
    support = Spy.seen["support"]
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    assert support.specs == split.target == Spy.seen["specs"]
    assert [len(episodes) for episodes in support.episodes] == [1] * len(split.target)
    assert (record.track, record.num_support) == ("few-shot", 1)
    seeds = {episode.seed for row in support.episodes for episode in row}
    assert seeds == set(episode_seeds(0, "demonstration", split.target, 1).ravel())
    judged = StoredRun(record, places.runs / run.key).episodes()["seed"]
    assert not seeds & set(judged)

    other, record = go(method="spy", protocol=SUPPORTED)
    assert Spy.seen["support"] is None
    assert (record.track, record.num_support) == ("zero-shot", 0)
    assert other.row_label == "spy (zero-shot)"


def test_no_zero_shot_protocol_hands_over_support(go, registry) -> None:
    message = "Method 'shown' needs support, and quick-v1 hands none over. Run it under few-shot-v1"
    with pytest.raises(ProtocolError, match=message):
        plan(registry, ["spy", "shown"], "testing", PROTOCOL)
    run, _ = go(method="shown", protocol=SUPPORTED)
    assert run.model_copy(update={"protocol": PROTOCOL}).num_support_due == 0
    assert "shown" not in {run.method for run in plan(registry, ["spy"], "testing", PROTOCOL)}
    assert "shown" in {run.method for run in plan(registry, ["spy"], "testing", SUPPORTED)}


@pytest.mark.parametrize("method", ["spy", "shown"])
def test_shuffled_specs_are_other_targets_judged_as_their_own(go, registry, method) -> None:
    run, record = go(method=method, protocol=SUPPORTED, shuffled=True)
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    assert record.shuffled_spec
    assert Spy.seen["specs"] == split.shuffled_target() != split.target
    assert [entry.key for entry in record.split.target] == [task.key for task in split.target]
    if method == "shown":
        support = Spy.seen["support"].select(Spy.seen["specs"])
        seeds = [row[0].seed for row in support.episodes]
        assert seeds == episode_seeds(0, "demonstration", split.target, 1).ravel().tolist()
    plain, _ = go(method=method, protocol=SUPPORTED)
    assert plain.key != run.key
    track = {"spy": ", zero-shot", "shown": ""}[method]
    assert run.row_label == f"{method} (shuffled-spec{track})"


def test_a_shuffled_run_is_added_for_what_is_asked_for(registry) -> None:
    runs = plan(registry, ["spy", "random"], "testing", PROTOCOL, shuffled_spec=True)
    assert [run.method for run in runs if run.shuffled_spec] == ["spy"]
    plain = plan(registry, ["spy", "random"], "testing", PROTOCOL)
    assert [run for run in runs if not run.shuffled_spec] == plain


def test_keys_of_runs_never_change(registry) -> None:
    """A key that moves makes every finished run of that kind be done again."""
    runs = plan(registry, ["spy"], "testing", PROTOCOL, baselines=False)
    keys = {run.method: run.key for run in runs}
    assert keys["spy"] == "8eb508c8d9644ee9"
    assert keys["random"] == "22ae3b15db48ace0"


@pytest.mark.parametrize(("has_gpu", "device"), [(True, "cuda"), (False, "cpu")])
def test_auto_is_the_gpu_where_there_is_one(registry, monkeypatch, has_gpu, device) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    runs = plan(registry, ["spy"], "testing", PROTOCOL, device="auto")
    assert {run.device for run in runs if not run.is_arm} == {device}
    assert {run.device for run in runs if run.is_arm} == {"cpu"}


def test_auto_needs_no_torch(registry, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert plan(registry, ["spy"], "testing", PROTOCOL, device="auto")[-1].device == "cpu"


def test_the_record_is_complete_and_its_policies_earn_its_returns(go, registry, places) -> None:
    run, record = go()
    folder = places.runs / run.key
    assert StoredRun.read(folder).record == record
    assert record.status == "ok"
    assert record.cost.num_parameters == 3
    assert record.fit.final_loss == 0.5
    assert record.provenance.versions["numpy"] == np.__version__
    assert {task.region for task in record.split.target} <= {"interpolation", "extrapolation"}
    episodes = StoredRun(record, folder).episodes()
    assert record.num_target_rollouts == len(episodes["return"]) == 2 * len(record.split.target)
    family = registry.make_family(run.family)
    by_key = {task.key: task for task in family.tasks}
    tasks = [by_key[entry.key] for entry in record.split.target]
    again = rollout(
        family,
        tasks,
        StoredRun(record, folder).policies(),
        episodes["seed"].reshape(len(tasks), -1),
    )
    assert (again.returns.ravel() == episodes["return"]).all()


@pytest.mark.parametrize(
    ("fail", "named"),
    [
        ("loss", "loss is nan at step 7"),
        ("nan", "has weights that are not finite"),
        ("save", "ValueError: no room"),
        ("peek", "spy: its policies ask for what experts alone are shown"),
    ],
)
def test_a_failing_run_is_a_record_and_is_tried_again(go, places, events, fail, named) -> None:
    run, record = go(f"fail={fail}")
    assert record.status == "failed"
    assert named in record.error
    assert "Traceback" in record.traceback
    assert StoredRun.read(places.runs / run.key).record == record
    assert not StoredRun.read(places.runs / run.key).is_finished
    assert (events[-1].run, events[-1].status) == (run.key, "failed")


def test_policies_that_are_not_finite_are_never_played(go, monkeypatch) -> None:
    def played(*_, **__):
        raise AssertionError("played")

    monkeypatch.setattr("hyperbench.measuring.conductor.rollout", played)
    _, record = go("fail=nan")
    first = Spy.seen["specs"][0].label
    assert record.error.startswith(f"FloatingPointError: The policy generated for {first} has")


def test_a_failing_run_does_not_stop_the_others(go, registry, places) -> None:
    go()  # so that the demonstrations are there
    settings = ["spy.fail=loss"]
    runs = plan(
        registry, ["spy", "beside"], "testing", PROTOCOL, settings=settings, data_dir=places.data
    )
    learned = [run for run in runs if not run.is_arm]
    done = Here().map(partial(execute, registry=registry), learned, places, ignore)
    failed, other = (outcome.result for outcome in done)
    assert (failed.method, failed.status) == ("spy", "failed")
    assert failed.error == "FloatingPointError: loss is nan at step 7"
    assert (other.method, other.status) == ("beside", "ok")


def test_a_lost_worker_leaves_a_failed_record(go, registry, places) -> None:
    run, _ = go()
    record_failure(run, "the worker process died", places, ignore, registry=registry)
    assert "worker process died" in StoredRun.read(places.runs / run.key).record.error


def test_a_run_is_finished_only_with_all_its_files(go, places) -> None:
    run, record = go()
    assert StoredRun.read(places.runs / run.key).is_finished
    assert "generator/spy.json" in record.sha256
    shutil.rmtree(StoredRun(record, places.runs / run.key).generator)
    # Only inspecting it needs the generator.
    assert StoredRun.read(places.runs / run.key).is_finished
    (places.runs / run.key / "policies.safetensors").unlink()
    assert not StoredRun.read(places.runs / run.key).is_finished


def test_what_decides_a_result_decides_the_key(go, registry, places) -> None:
    first, _ = go()
    other_setting, _ = go("scale=2")
    other_seed, _ = go(seeds="5,6")
    assert len({first.key, other_setting.key, other_seed.key}) == 3
    again, _ = go()
    assert again.key == first.key


def test_the_plan_holds_every_arm_and_baseline_once(registry) -> None:
    runs = plan(registry, ["spy", "spy"], "testing/line", PROTOCOL.with_seeds("2"))
    names = [run.method for run in runs]
    assert sorted(set(names)) == sorted([*ARMS, "beside", "spy"])
    assert all(names.count(name) == 2 for name in names)
    alone = plan(registry, ["spy"], "testing", PROTOCOL, baselines=False)
    assert {run.method for run in alone} == {*ARMS, "spy"}


def test_arms_are_shared_by_fit_seeds_on_one_split(registry) -> None:
    pairs = PROTOCOL.with_seeds("2").seeds
    same_split = tuple(pair.model_copy(update={"split": 0}) for pair in pairs)
    protocol = PROTOCOL.model_copy(update={"seeds": same_split})
    names = [run.method for run in plan(registry, ["spy"], "testing", protocol)]
    assert names.count("random") == 1
    assert names.count("spy") == 2


@pytest.mark.parametrize(
    ("setting", "error", "named"),
    [
        ("scael=2", UnknownNameError, "Did you mean 'scale'"),
        ("scale", HyperbenchError, "name=value"),
        ("scale=wide", HyperbenchError, "'wide' does not fit"),
        ("spyy.scale=2", UnknownNameError, "Did you mean 'spy'"),
    ],
)
def test_a_wrong_setting_is_a_clear_error(registry, setting, error, named) -> None:
    with pytest.raises(error, match=named):
        plan(registry, ["spy"], "testing", PROTOCOL, settings=[setting])


def test_an_arm_runs_without_demonstrations(registry, places) -> None:
    runs = plan(registry, ["spy"], "testing", PROTOCOL, data_dir=places.data)
    arm = next(run for run in runs if run.method == "reuse-bound")
    record = execute(arm, places, ignore, registry=registry)
    assert record.status == "ok"
    num_judged = len(record.split.target) * PROTOCOL.num_episodes
    assert record.num_target_rollouts == num_judged * len(record.split.source)


def test_linear_algebra_is_on_one_thread_inside_and_as_before_outside() -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with single_threaded():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_a_run_is_plain_data(registry) -> None:
    import pickle

    run = plan(registry, ["spy"], "testing", PROTOCOL)[0]
    assert pickle.loads(pickle.dumps(run)) == run
    assert run.model_copy() == run
