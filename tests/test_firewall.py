"""The firewall: what a method is given leads to no environment, expert or target demonstration.

A method runs in the harness's process, and Python hides nothing from code that goes looking through
frames or imports: the firewall is of the interface, not of the process. What is tested is that a
method which only uses what it is handed cannot reach more, however deep it looks.
"""

import gc
import inspect
import io
import sys
import types
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import numpy as np
import pytest
from rich.console import Console

from hyperbench import hookimpl
from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.executors import Here, Site
from hyperbench.family import TaskFamily
from hyperbench.generator import PolicyGenerator
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring import storage
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.dataset import Dataset, dataset, load, prepare
from hyperbench.measuring.manifest import UnsoundError
from hyperbench.measuring.plan import plan
from hyperbench.policy import MLPPolicies
from hyperbench.protocol import FEW_SHOT, QUICK
from hyperbench.records.record import RunRecord
from hyperbench.records.store import StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.registry.code import Fingerprints
from hyperbench.rollout import EpisodeTable, episode_seeds
from hyperbench.run import Run
from hyperbench.split import Split
from hyperbench.testing.line import LineFamily
from hyperbench.view.progress import progress_display

from .fakes_random_features import RandomFeatures

SMALL = {"num_demonstrations": 3, "num_episodes": 2}
ZERO_SHOT = QUICK.model_copy(update=SMALL)
SUPPORTED = FEW_SHOT.model_copy(update={**SMALL, "num_support": 2})
BEHIND = (
    TaskFamily,
    gymnasium.Env,
    gymnasium.vector.VectorEnv,
    MLPPolicies,
    EpisodeTable,
    Split,
    Run,
    RunRecord,
    Registry,
    Dataset,
    Site,
)
"""What stands behind the firewall."""
CODE = Fingerprints(method="of the spy", family="of the line")


def reachable(*given: object) -> Iterator[object]:
    """Every object that leads on from what was given, closures and bound arguments included.

    Modules, classes and a function's globals are left out: whoever goes through them could as well
    import the module.
    """
    seen: dict[int, object] = {}
    ahead = list(given)
    while ahead:
        thing = ahead.pop()
        if id(thing) in seen or isinstance(thing, types.ModuleType | type):
            continue
        seen[id(thing)] = thing
        yield thing
        if inspect.isfunction(thing):
            kept = (thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__)
            ahead += [part for part in kept if part is not None]
        elif isinstance(thing, np.ndarray):
            ahead += [thing.base, *(thing.ravel().tolist() if thing.dtype == object else [])]
        else:
            ahead += gc.get_referents(thing)


class Spy(RandomFeatures):
    """Keeps all that it is given, and looks at all that leads on from it."""

    found: ClassVar[dict[str, list[object]]] = {}

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        Spy.found = {"fit": list(reachable(demonstrations, validation, seed, device, progress))}
        return super().fit(
            demonstrations, validation=validation, seed=seed, device=device, progress=progress
        )

    def generate(self, specs, support=None):
        Spy.found["generate"] = list(reachable(specs, support, self))
        return super().generate(specs, support)


class ResumableSpy(Spy):
    """Looks at the checkpoint as well."""

    resumable = True

    def fit(self, *arguments, checkpoint, **options):
        report = super().fit(*arguments, **options)
        Spy.found["checkpoint"] = [checkpoint, *reachable(checkpoint)]
        return report


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    door = types.ModuleType("door_of_firewall_tests")
    door.Spy, door.ResumableSpy = Spy, ResumableSpy
    target = f"{door.__name__}:Spy"
    line = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
    door.hyperbench_families = hookimpl(lambda: [line])
    door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", ["testing/line-v1"], "one")])
    door.hyperbench_methods = hookimpl(
        lambda: [
            MethodEntry("spy", target, "a spy"),
            MethodEntry("shown", target, "a few-shot spy", track="few-shot"),
            MethodEntry("resumable", f"{door.__name__}:ResumableSpy", "a spy with a checkpoint"),
        ]
    )
    for name in ("families", "suites", "methods"):
        hook = getattr(door, f"hyperbench_{name}")
        hook.__name__ = f"hyperbench_{name}"
    monkeypatch.setitem(sys.modules, door.__name__, door)
    registry = Registry([PluginSource("testing", "testing", "1", lambda: door)])
    # Without one, as of a method that was typed, there is no checkpoint.
    monkeypatch.setattr(registry, "fingerprints", lambda *_: CODE)
    return registry


@pytest.fixture
def run(registry: Registry, tmp_path: Path) -> Callable[..., tuple[Run, RunRecord]]:
    """Run a method just as ``hyperbench run`` does in its own process, its progress shown."""

    def go(method: str = "spy", protocol=ZERO_SHOT) -> tuple[Run, RunRecord]:
        places = Site(tmp_path / "runs", tmp_path / "data")
        planned = plan(registry, [method], "testing", protocol, data_dir=places.data)
        [chosen] = [
            run for run in planned if run.method == method and run.seeds == protocol.seeds[0]
        ]
        with progress_display({chosen.key: "spy"}, Console(file=io.StringIO())) as on:
            [outcome] = Here().map(partial(execute, registry=registry), [chosen], places, on)
        record = outcome.result
        assert record.status == "ok", record.traceback
        assert StoredRun.read(places.runs / chosen.key).record == record
        return chosen, record

    return go


def demonstrated(things: list[object]) -> list[int]:
    """Seeds of all episodes among some objects."""
    return sorted(thing.seed for thing in things if isinstance(thing, Episode))


def seeds_of(tasks: Any, num_episodes: int = 3) -> list[int]:
    return sorted(episode_seeds(0, "demonstration", tasks, num_episodes).ravel().tolist())


@pytest.mark.parametrize(("method", "protocol"), [("spy", ZERO_SHOT), ("shown", SUPPORTED)])
def test_nothing_behind_the_firewall_is_reachable(run, method, protocol) -> None:
    run(method, protocol)
    for stage, found in Spy.found.items():
        assert sum(isinstance(thing, Demonstrations) for thing in found) == {
            "fit": 2,
            "generate": int(method == "shown"),
        }.get(stage)
        leaked = [thing for thing in found if isinstance(thing, BEHIND)]
        assert not leaked, f"{stage} leads to {leaked}"


def test_a_checkpoint_tells_nothing_of_its_run(run) -> None:
    chosen, _ = run("resumable")
    checkpoint, *found = Spy.found["checkpoint"]
    named = {name for name in dir(checkpoint) if not name.startswith("_")}
    assert named == {"offer", "restore", "seconds_elsewhere"}
    assert not [thing for thing in found if isinstance(thing, (*BEHIND, Demonstrations))]
    # The key says nothing to whoever does not know the run.
    said = [str(thing) for thing in found if isinstance(thing, str | Path)]
    assert chosen.key in "".join(said)
    for name in (chosen.method, chosen.family, *(task.key for task in LineFamily().tasks)):
        assert not [text for text in said if name in text]


def test_demonstrations_are_of_source_and_validation_tasks_alone(run) -> None:
    chosen, _ = run()
    split = chosen.protocol.split(LineFamily(), chosen.seeds.split)
    assert demonstrated(Spy.found["fit"]) == seeds_of((*split.source, *split.validation))
    assert demonstrated(Spy.found["generate"]) == []


def test_the_source_demonstrations_do_not_lead_to_the_others(make_tasks) -> None:
    """``select`` keeps nothing of what it selects from."""
    episode = [
        Episode(np.zeros((2, 1)), np.zeros((1, 1)), np.zeros(1), False, seed) for seed in range(3)
    ]
    tasks = make_tasks(3)
    everything = Demonstrations(tasks, tuple((e,) for e in episode), np.zeros(1), np.ones(1))
    assert demonstrated(list(reachable(everything.select(tasks[:1])))) == [0]
    assert demonstrated(list(reachable(everything.first(1)))) == [0, 1, 2]


def test_support_is_num_support_demonstrations_of_each_target_and_no_more(run) -> None:
    chosen, record = run("shown", SUPPORTED)
    split = chosen.protocol.split(LineFamily(), chosen.seeds.split)
    assert demonstrated(Spy.found["generate"]) == seeds_of(split.target, 2)
    assert record.num_support == 2
    assert not set(demonstrated(Spy.found["fit"])) & set(seeds_of(split.target))


def test_the_judged_episodes_are_the_only_rollouts_of_targets(
    run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Counted where environments are made, and compared with what the record says."""
    played: list[str] = []
    make = LineFamily.make_vec

    def counted(self, tasks, num_threads=1):
        played.extend(task.key for task in tasks)
        return make(self, tasks, num_threads)

    run()  # so that the demonstrations are there
    monkeypatch.setattr(LineFamily, "make_vec", counted)
    chosen, record = run()
    assert record.num_target_rollouts == len(played) == 2 * len(record.split.target)
    assert set(played) == {task.key for task in record.split.target}
    episodes = StoredRun(record, tmp_path / "runs" / chosen.key).episodes()
    assert len(episodes["return"]) == record.num_target_rollouts


@pytest.mark.parametrize(("method", "protocol"), [("spy", ZERO_SHOT), ("shown", SUPPORTED)])
def test_who_may_see_no_target_demonstration_has_none_made_and_none_read(
    run, method, protocol, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read: set[str] = set()
    reading = storage.read_episodes

    def watched(data, there, wanted, num_episodes):
        read.update(wanted)
        return reading(data, there, wanted, num_episodes)

    monkeypatch.setattr("hyperbench.measuring.dataset.read_episodes", watched)
    _, record = run(method, protocol)
    keys = {name: {entry.key for entry in part} for name, part in record.split}
    shown = keys["source"] | keys["validation"]
    assert read == (shown | keys["target"] if method == "shown" else shown)
    family = LineFamily()
    found = dataset(family, protocol.num_demonstrations, tmp_path / "data")
    for task in family.tasks:
        if task.key in read:
            assert load(family, found, [task]).num_tasks == 1
        else:
            with pytest.raises(UnsoundError, match="are missing"):
                load(family, found, [task])
    if method == "spy":  # where all are there, no more are read
        prepare(family, found, CODE.family)
        read.clear()
        run(method, protocol)
        assert read == shown


def test_choosing_by_target_tasks_cannot_be_expressed() -> None:
    """What ``fit`` takes; another argument here would need a look at what comes through it."""
    fit = inspect.signature(PolicyGenerator.fit).parameters
    generate = inspect.signature(PolicyGenerator.generate).parameters
    assert list(fit) == ["self", "demonstrations", "validation", "seed", "device", "progress"]
    assert list(generate) == ["self", "specs", "support"]
    assert fit["progress"].annotation == "Progress"


@pytest.mark.parametrize("way", ["closure", "partial", "method", "default", "array", "attribute"])
def test_the_walk_finds_what_is_hidden(way) -> None:
    family = LineFamily()

    def closure() -> object:
        return family

    def default(kept: object = family) -> object:
        return kept

    holder = types.SimpleNamespace(kept=[{"deep": (family,)}])
    hidden = {
        "closure": closure,
        "partial": partial(print, family),
        "method": family.make,
        "default": default,
        "array": np.array([family, None], dtype=object)[1:],
        "attribute": holder,
    }
    assert any(isinstance(thing, TaskFamily) for thing in reachable(hidden[way]))
