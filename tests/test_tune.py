"""Tuning: what may be seen and played, that a study goes on where it was, what is refused."""

import json
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

from hyperbench import cli, hookimpl
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
from hyperbench.tuning import study
from hyperbench.tuning.case import make_case, tuning_protocol
from hyperbench.tuning.halving import Round, difference, entrants, unfinished
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


@pytest.fixture
def say(
    data_dir,
    tmp_path,
    in_this_process,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(data_dir))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hyperbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


COMMAND = (
    *("tune", "-m", "spec-blind", "-s", "pointmass", "-p", "quick-v1", "--splits", "1"),
    *("--set", "num_steps=5", "--set", "policy_width=8", "--set", "samples_per_task=8"),
)


def test_the_command_shows_the_best_trials_and_continues(say, tmp_path: Path) -> None:
    code, out, err = say(*COMMAND, "--trials", "2")
    assert code == 0
    assert "[2/2] trial 1: ok" in err
    assert "0 (default)" in out
    best = out.partition("Best: ")[2].splitlines()[0]
    fixed = "--set num_steps=5 --set policy_width=8 --set samples_per_task=8"
    command = "hyperbench run -m spec-blind -s pointmass/goal-drag-v1 -p quick-v1"
    assert best.startswith(f"{command} {fixed} --set learning_rate="), "what was fixed, too"
    [file] = (tmp_path / "studies").glob("*/study.json")
    assert str(file) in out
    first = json.loads(file.read_text())
    assert [pair["split"] for pair in first["protocol"]["seeds"]] == [10000]
    assert first["overrides"]["num_steps"] == 5
    code, again, err = say(*COMMAND, "--trials", "2")
    assert (code, again, err) == (0, out, "")
    assert say(*COMMAND, "--trials", "3")[0] == 0
    [file] = (tmp_path / "studies").glob("*/study.json")
    longer = json.loads(file.read_text())
    assert longer["trials"][:2] == first["trials"]
    assert len(longer["trials"]) == 3
    file.write_text(json.dumps(longer | {"code": "0" * 16}))
    code, _, err = say(*COMMAND, "--trials", "3")
    assert code == 0
    assert "The code of spec-blind has changed since this study began" in err


def test_a_gain_over_the_defaults_is_paired_and_has_an_interval() -> None:
    def judged(number: int, *scores: float) -> Trial:
        fits = {i: Fit(score=score, seconds=1.0) for i, score in enumerate(scores)}
        return Trial(number=number, settings={}, fits=fits)

    default, other = judged(0, 0.2, 0.9, 0.5), judged(1, 0.3, 1.0, 0.9)
    assert difference(other, default, [1]) is None
    mean, low, high = difference(other, default, [0, 1, 2])
    assert mean == pytest.approx(0.2)
    # Student's 4.303 for two degrees of freedom, times the standard error 0.1.
    assert (low, high) == pytest.approx((0.2 - 0.4303, 0.2 + 0.4303), abs=1e-3)


def test_the_next_best_takes_the_place_of_a_trial_that_fails_late() -> None:
    families = ("a/a-v1", "b/b-v1")
    pair = STANDARD.seeds[:1]
    study_of = SimpleNamespace(
        families=families,
        protocol=STANDARD.model_copy(update={"seeds": pair}),
        cases=[(family, pair[0].split) for family in families],
    )
    first = [0.1, 0.9, 0.8, 0.7]
    trials = [
        Trial(number=i, settings={}, fits={0: Fit(score=score, seconds=1.0)})
        for i, score in enumerate(first)
    ]
    study_of.trials = trials
    rounds = (Round(4, 1, 1), Round(2, 2, 1), Round(1, 2, 1))
    assert entrants(study_of, rounds, 1) == [0, 1, 2]
    failed = trials[1].fits | {1: Fit(seconds=1.0, error="nan")}
    trials[1] = trials[1].model_copy(update={"fits": failed})
    assert trials[1].mean([0]) == 0.9
    assert trials[1].mean([0, 1]) is None
    assert entrants(study_of, rounds, 1) == [0, 2, 3]
    assert unfinished(study_of, rounds, 0) == [], "and earlier rounds stay as they were"


@pytest.mark.thorough  # fits of two families
def test_halving_shows_rounds_families_and_the_spread_over_splits(say) -> None:
    suites = ("-s", "inversion/point-frame")
    rounds = ("--halving", "3x1x1,1x2x2")
    code, out, err = say(*COMMAND, *suites, *rounds)
    assert code == 0
    assert "trial 2, round 1 of 2: ok" in err
    assert "trial 0, round 2 of 2: ok" in err
    assert "2 x 2" in out
    table = out.partition("by family: mean (lowest to highest split)")[2]
    for row in ("pointmass/goal-drag-v1", "inversion/point-frame-v2", "all"):
        assert re.search(rf"{row} .*\d \(-?\d\.\d\d to -?\d\.\d\d\)", table)
    assert say(*COMMAND, *suites, *rounds)[1:] == (out, ""), "nothing is done again"
    code, _, err = say(*COMMAND, "--halving", "3x1x1,1x2x2")
    assert code == 2
    assert "judges by 2 families, but there are 1" in err


def test_a_study_in_which_all_failed_is_an_error(say, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Fit:
        raise ValueError("it broke")

    monkeypatch.setattr("hyperbench.tuning.tune.validation_fit", broken)
    code, out, err = say(*COMMAND, "--trials", "1")
    assert code == 2
    assert "All 1 trials of 'spec-blind' failed" in err
    assert "trial 0: ValueError: it broke" in out
    assert "Best:" not in out


def test_info_shows_where_is_searched(say) -> None:
    assert "3e-05 to 0.01, by magnitude" in say("info", "spec-blind")[1]


def test_without_optuna_the_error_says_what_to_install(say, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study.util, "find_spec", lambda name: None)
    code, _, err = say(*COMMAND)
    assert code == 2
    assert "-e '.[tune]'" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--set", "learning_rate=0.1", "--set", "weight_decay=0"],
            "Method 'spec-blind' has no search space",
        ),
        (["-p", "paper-v1"], "Protocol paper-v1 has no validation tasks"),
        (["--output-dir", "file/studies"], "Choose another folder with --output-dir"),
    ],
)
def test_bad_input_is_answered(say, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = say(*COMMAND, *arguments)
    assert code == 2
    assert message in err
    assert not out
