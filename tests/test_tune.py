"""Tuning: what may be seen and played, that a study goes on where it was, what is refused."""

import re
import sys
import types
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperbench import hookimpl
from hyperbench.errors import HyperbenchError, ProtocolError
from hyperbench.events import ignore
from hyperbench.executors import Outcome, Site
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.policy import MLPPolicies
from hyperbench.protocol import FEW_SHOT, PAPER, PROTOCOLS, STANDARD
from hyperbench.registry import PluginSource, Registry
from hyperbench.search import Choice, Range
from hyperbench.testing import LineFamily
from hyperbench.tuning.case import make_case, tuning_protocol
from hyperbench.tuning.halving import Round
from hyperbench.tuning.study import Fit, Study, Trial, new_study, read_study
from hyperbench.tuning.tune import continue_round

SMALL = {"num_demonstrations": 2, "num_episodes": 2}
RULES = STANDARD.model_copy(update=SMALL)


class SpyFamily(LineFamily):
    """Remembers which tasks are played."""

    played: ClassVar[set] = set()

    def make_vec(self, tasks, num_threads=1):
        SpyFamily.played |= set(tasks)
        return super().make_vec(tasks, num_threads)


class Privileged(MLPPolicies):
    """Policies that ask for what experts alone are shown."""

    info_key = "what experts see"


class Dial(PolicyGenerator):
    """The expert, whose actions are multiplied by a setting: best at 1."""

    class Config(MethodConfig):
        SEARCH: ClassVar = {"gain": Range(0.1, 2.0), "name": Choice(("a", "b"))}

        gain: float = 0.2
        """Factor of the actions."""
        name: str = "a"
        """Means nothing."""
        fail_above: float = 10.0
        """Gains above this break the fit."""
        hands_over: str = "policies"
        """What is generated: these, policies with weights that are ``nan``, or ``privileged``."""

    seen: ClassVar[list] = []

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        Dial.seen.append((demonstrations.specs, validation.specs, seed, device))
        if self.config.gain > self.config.fail_above:
            raise FloatingPointError("loss is nan at step 7")
        progress(1, 1, 0.5)
        return FitReport(num_steps=1, chosen_step=1, final_loss=0.5, num_parameters=1)

    def generate(self, specs, support=None):
        Dial.seen.append((tuple(specs), support))
        expert = LineFamily().expert(specs)
        gain = np.float32("nan" if self.config.hands_over == "nan" else self.config.gain)
        made = Privileged if self.config.hands_over == "privileged" else MLPPolicies
        return made(
            tuple(gain * weight for weight in expert.weights),
            expert.biases,
            expert.observation_mean,
            expert.observation_std,
            expert.action_low,
            expert.action_high,
            squash="clip",
        )

    def save(self, path):
        raise NotImplementedError

    def load(self, path):
        raise NotImplementedError


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    door = types.ModuleType("door_of_tune_tests")
    door.Dial, door.SpyFamily = Dial, SpyFamily
    family = FamilyEntry("testing/line-v1", "door_of_tune_tests:SpyFamily", "a line")
    door.hyperbench_families = hookimpl(lambda: [family])
    door.hyperbench_suites = hookimpl(lambda: [SuiteEntry("testing", ["testing/line-v1"], "one")])
    target = "door_of_tune_tests:Dial"
    shown = MethodEntry("shown", target, "the same with support", track="few-shot")
    door.hyperbench_methods = hookimpl(lambda: [MethodEntry("dial", target, "a dial"), shown])
    for name in ("families", "suites", "methods"):
        hook = getattr(door, f"hyperbench_{name}")
        hook.__name__ = f"hyperbench_{name}"
    monkeypatch.setitem(sys.modules, door.__name__, door)
    monkeypatch.setattr(Dial, "seen", [])
    monkeypatch.setattr(SpyFamily, "played", set())
    return Registry([PluginSource("testing", "testing", "1", lambda: door)])


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    line = FamilyEntry("testing/line-v1", "hyperbench.testing:LineFamily", "a line")
    door = SimpleNamespace(hyperbench_families=hookimpl(lambda: [line]))
    registry = Registry([PluginSource("testing", "testing", "1", lambda: door)])
    wanted = Wanted(line.id, RULES)
    ensure_demonstrations(wanted, Site(folder, folder), ignore, registry=registry)
    return folder


@pytest.fixture
def runs_of(registry: Registry, data_dir: Path):
    def make(method="dial", protocol=RULES, num_splits=2, settings=()):
        rules = tuning_protocol(protocol, num_splits)
        planned = plan(registry, [method], "testing", rules, settings=settings, data_dir=data_dir)
        return [run for run in planned if not run.is_arm]

    return make


@pytest.fixture
def tune(registry: Registry, data_dir: Path, tmp_path: Path):
    def run(runs, num_trials, begun=None, seed=0, executor=None) -> Study:
        return continue_round(
            begun or new_study(runs, Dial.Config.SEARCH, seed),
            [Round(num_trials, 1, len(runs))],
            0,
            dict(enumerate(make_case(run, registry, data_dir, 1) for run in runs)),
            registry,
            tmp_path / "study",
            site=Site(tmp_path, data_dir),
            notify=ignore,
            executor=executor,
        )

    return run


def timeless(trials) -> list[Trial]:
    def untimed(fits):
        return {i: fit.model_copy(update={"seconds": 0.0}) for i, fit in fits.items()}

    return [trial.model_copy(update={"fits": untimed(trial.fits)}) for trial in trials]


def mean(trial: Trial) -> float | None:
    return trial.mean(trial.fits)


@given(st.integers(1, 50), st.sampled_from([p for p in PROTOCOLS.values() if p is not PAPER]))
def test_splits_are_no_boards(num_splits, protocol) -> None:
    tuning = tuning_protocol(protocol, num_splits)
    seeds = {pair.split for pair in tuning.seeds}
    assert len(seeds) == num_splits
    assert not seeds & {pair.split for known in PROTOCOLS.values() for pair in known.seeds}
    assert tuning.rules_hash == protocol.rules_hash


def test_without_validation_tasks_there_is_no_tuning() -> None:
    with pytest.raises(ProtocolError, match="paper-v1 has no validation tasks"):
        tuning_protocol(PAPER, 1)


def test_no_target_task_is_seen_or_played(runs_of, tune) -> None:
    runs = runs_of(num_splits=1)
    split = RULES.split(LineFamily(), runs[0].seeds.split)
    tune(runs, 2)
    assert SpyFamily.played == set(split.validation)
    fits, generated = Dial.seen[::2], Dial.seen[1::2]
    assert len(fits) == len(generated) == 2
    assert {call[:2] for call in fits} == {(split.source, split.validation)}
    assert generated == [(split.validation, None)] * 2


def test_in_the_few_shot_track_support_is_that_of_validation_tasks(runs_of, tune) -> None:
    rules = FEW_SHOT.model_copy(update={**SMALL, "num_support": 1})
    runs = runs_of("shown", rules, num_splits=1)
    tune(runs, 1)
    specs, support = Dial.seen[-1]
    assert support.specs == specs == rules.split(LineFamily(), runs[0].seeds.split).validation
    assert {len(row) for row in support.episodes} == {1}


def test_every_trial_has_the_same_seeds(runs_of, tune) -> None:
    tune(runs_of(), 3)
    fits = [call for call in Dial.seen if len(call) == 4]
    assert len(fits) == 6
    assert fits[:2] == fits[2:4] == fits[4:]
    assert fits[0][2] != fits[1][2]


def test_it_begins_with_the_defaults_and_finds_better(runs_of, tune) -> None:
    done = tune(runs_of(), 15)
    assert done.trials[0].settings == {"gain": 0.2, "name": "a"}
    assert [trial.number for trial in done.trials] == list(range(15))
    best = max(done.trials, key=mean)
    assert mean(best) > mean(done.trials[0]) + 0.1
    assert best.settings["gain"] > 0.3
    for trial in done.trials:
        assert mean(trial) == pytest.approx(np.mean(trial.scores([0, 1])))
        assert list(trial.fits) == [0, 1]


def test_a_study_that_was_interrupted_goes_on_as_if_it_had_not_been(
    runs_of, tune, tmp_path: Path
) -> None:
    runs = runs_of(num_splits=1)
    whole = tune(runs, 15)
    for stop in (4, 14):
        tune(runs, stop)
        again = tune(runs, 15, begun=read_study(tmp_path / "study"))
        assert timeless(again.trials) == timeless(whole.trials)
    assert len({trial.settings["gain"] for trial in whole.trials}) == 15
    other = tune(runs, 2, seed=1)
    assert other.trials[1].settings != whole.trials[1].settings
    assert other.key != whole.key


def test_a_trial_that_fails_is_recorded_and_the_study_goes_on(runs_of, tune) -> None:
    done = tune(runs_of(num_splits=1, settings=["fail_above=0.9"]), 10)
    failed = [trial for trial in done.trials if trial.error is not None]
    assert len(done.trials) == 10
    assert 0 < len(failed) < 10
    for trial in failed:
        assert trial.settings["gain"] > 0.9
        assert trial.error == "FloatingPointError: loss is nan at step 7"
        assert mean(trial) is None
    gains = [trial.settings["gain"] for trial in failed]
    assert len(set(gains)) == len(gains)


def test_what_the_user_fixes_is_not_searched_for(runs_of, tune) -> None:
    done = tune(runs_of(num_splits=1, settings=["gain=0.5"]), 3)
    assert {tuple(trial.settings) for trial in done.trials} == {("name",)}
    assert done.config["gain"] == 0.5
    with pytest.raises(HyperbenchError, match="'dial' has no search space: --set fixes all of it"):
        new_study(runs_of(settings=["gain=0.5", "name=b"]), Dial.Config.SEARCH, 0)
    with pytest.raises(HyperbenchError, match="its Config declares no SEARCH"):
        new_study(runs_of(), {}, 0)


@pytest.mark.parametrize(
    ("hands_over", "said"),
    [
        ("nan", "FloatingPointError: The policy generated for .* has weights that are not finite"),
        ("privileged", "ContractError: dial: its policies ask for what experts alone are shown"),
    ],
)
def test_nothing_is_tuned_on_that_could_not_be_measured(runs_of, tune, hands_over, said) -> None:
    runs = runs_of(num_splits=1, settings=[f"hands_over={hands_over}"])
    (trial,) = tune(runs, 1).trials
    assert re.match(said, trial.error)


def test_fits_of_a_trial_are_the_executors_to_order(runs_of, tune) -> None:
    class Backwards:
        def map(self, function, items, site, notify):
            for item in reversed(items):
                yield Outcome(item, function(item, site, notify))

    runs = runs_of()
    ahead = tune(runs, 15, executor=Backwards())
    assert timeless(ahead.trials) == timeless(tune(runs, 15).trials)


def test_a_fit_that_is_done_is_not_done_again(runs_of, tune, tmp_path: Path) -> None:
    class Stopped:
        def map(self, function, items, site, notify):
            for item in items[:3]:
                yield Outcome(item, function(item, site, notify))
            raise KeyboardInterrupt

    runs = runs_of()
    with pytest.raises(KeyboardInterrupt):
        tune(runs, 6, begun=tune(runs, 1), executor=Stopped())
    begun = read_study(tmp_path / "study")
    assert [len(trial.fits) for trial in begun.trials] == [2, 2, 1, 0, 0, 0]
    Dial.seen.clear()
    tune(runs, 6, begun=begun)
    assert len([call for call in Dial.seen if len(call) == 4]) == 7


def test_a_fit_that_would_take_too_long_is_stopped_early(runs_of, tune, monkeypatch) -> None:
    """100 steps of half a second each, where the defaults took 10 s."""
    steps = []

    def slow(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        for step in range(1, 101):
            clock.append(clock[-1] + 0.5)
            steps.append(step)
            progress(step, 100, 0.5)

    clock = [0.0]
    monkeypatch.setattr("hyperbench.tuning.tune.time.process_time", lambda: clock[-1])
    monkeypatch.setattr(Dial, "fit", slow)
    runs = runs_of(num_splits=1)
    begun = new_study(runs, Dial.Config.SEARCH, 0).begun(0, [0])
    done = tune(runs, 2, begun=begun.judged(0, 0, Fit(score=0.1, seconds=10.0)))
    assert done.trials[1].error == (
        "TooLongError: its fit takes 5.0 times as long as the defaults'; at most 2 times"
    )
    assert steps[-1] == 20
