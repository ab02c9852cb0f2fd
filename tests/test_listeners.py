"""Listeners are told how runs go, each call once and in order, and harm nobody."""

from contextlib import ExitStack, suppress
from types import SimpleNamespace

import numpy as np
import pytest

import hyperbench as hb
from hyperbench.commands.telling import Telling, listening
from hyperbench.errors import HyperbenchError, PluginError, UnknownNameError
from hyperbench.events import DEMONSTRATING, ELSEWHERE, Event
from hyperbench.generator import ArrayGenerator, FitReport, MethodConfig
from hyperbench.hookspecs import ListenerEntry
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun
from hyperbench.registry import PluginSource, Registry
from hyperbench.testing import LineFamily

PROTOCOL = EvalProtocol(
    id="brief-v1",
    summary="for tests",
    num_demonstrations=1,
    num_episodes=2,
    max_target=3,
    seeds=(SeedPair(split=0, fit=0),),
)


class Recording(hb.Listener):
    """Keeps what it is told."""

    def __init__(self, runs=None):
        super().__init__(runs)
        self.told = []

    def run_started(self, run):
        self.told.append(("started", run.method))

    def step(self, run, event):
        self.told.append(("step", run.method, event.step, event.loss))

    def run_finished(self, record, scores):
        self.told.append(("finished", record.method, record.status, dict(scores)))

    def board_made(self, board):
        self.told.append(("board", board.title, len(board.rows)))

    def close(self):
        self.told.append(("closed",))

    def of(self, method):
        return [one for one in self.told if one[1:2] == (method,)]


class Broken(Recording):
    """Cannot be told of a step."""

    def step(self, run, event):
        super().step(run, event)
        raise OSError("the disk is full")


class Clone(ArrayGenerator):
    """The mean action of the first task; fails where it is asked to."""

    class Config(MethodConfig):
        fails: bool = False
        """Whether to fail in the end."""

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        for step in (10, 20):
            progress(step, 20, 1 / step)
        if self.config.fails:
            raise ValueError("as it was asked to")
        self.arrays = {"action": demonstrations.actions(0).mean(axis=0)}
        return FitReport(20, 20, 1 / 20, 1)

    def generate(self, specs, support=None):
        return LineFamily().expert(specs)


@pytest.fixture
def bench(tmp_path, in_this_process, demonstrations_dir):
    def measure(*listeners, methods=Clone, **said):
        return hb.bench(
            methods,
            LineFamily,
            PROTOCOL,
            baselines=False,
            listeners=listeners,
            output_dir=tmp_path / "runs",
            data_dir=demonstrations_dir,
            **said,
        )

    return measure


def test_runs_are_told_from_start_to_score_and_a_broken_listener_harms_nobody(bench, capsys):
    failing = Clone(Clone.Config(fails=True))
    recording, broken = Recording(), Broken()
    results = bench(broken, recording, methods=[Clone, failing])
    scores = results.table.set_index("method").score
    one, other = (recording.of("clone")[i : i + 4] for i in (0, 4))
    good, bad = (one, other) if one[-1][2] == "ok" else (other, one)
    for told in (good, bad):
        assert told[:3] == [
            ("started", "clone"),
            ("step", "clone", 10, 1 / 10),
            ("step", "clone", 20, 1 / 20),
        ]
    *_, (_, _, status, said) = good
    assert (status, said["score"]) == ("ok", pytest.approx(scores["clone"]))
    assert {"above_half", "fit_seconds", "rollout_seconds"} < said.keys()
    assert said["num_target_rollouts"] == 3 * PROTOCOL.num_episodes
    assert "num_runs" not in said
    assert bad[-1][2:] == ("failed", {})
    assert {arm: recording.of(arm)[-1][3]["score"] for arm in ("expert", "random")} == {
        "expert": 1,
        "random": 0,
    }
    assert recording.told[-2:] == [("board", "brief-v1", len(results.board.rows)), ("closed",)]
    # The one that failed was told nothing more, and that was told once.
    assert broken.told == [("started", "clone"), ("step", "clone", 10, 1 / 10)]
    said = "Broken watches no longer: OSError: the disk is full"
    assert capsys.readouterr().err.count(said) == 1
    # What is finished is not told again, nor is its board.
    again = Recording()
    bench(again)
    assert again.told == [("closed",)]


@pytest.fixture
def three(write_run):
    """Records of a method and of the two arms that its score needs."""
    found = []
    for method, level in {"clone": 0.5, "random": 0.0, "expert": 1.0}.items():
        folder = write_run(method, level + np.zeros(8), is_arm=method != "clone")
        found.append(StoredRun.read(folder).record)
    return found


def ended(run, stage="judging"):
    return Event(run.key, stage, status="ok")


def test_a_run_is_told_as_soon_as_it_can_be_scored(three, tmp_path):
    clone, random, expert = three
    listener = Recording()
    telling = Telling([listener], tmp_path / "runs")
    telling.expect(three, {run.key for run in three})
    for run in (clone, random, expert):
        telling(Event(run.key, DEMONSTRATING))
        assert run.method not in {one[1] for one in listener.told}
        telling(Event(run.key, "judging"))
        telling(ended(run))
        telling(Event(run.key, "judging"))  # late
    assert [one[:2] for one in listener.told] == [
        *(("started", run.method) for run in three),
        *(("finished", run.method) for run in three),
    ]
    assert [one[3]["score"] for one in listener.told[3:]] == [0.5, 0, 1]


def test_what_is_left_when_a_command_is_stopped_is_told_without_a_score(three, tmp_path):
    clone, random, _ = three
    listener = Recording()
    stopped = ExitStack()
    with suppress(KeyboardInterrupt), stopped:
        telling = stopped.enter_context(listening([listener], tmp_path / "runs", Registry([])))
        telling.expect([clone, random], {clone.key, random.key})
        telling(ended(clone))
        raise KeyboardInterrupt
    assert [one[0] for one in listener.told] == ["started", "finished", "closed"]
    assert "score" not in listener.told[1][3]
    assert listener.told[1][3]["mean_return"] == 0.5


def test_what_another_command_does_is_told_by_that_one(three, tmp_path):
    listener = Recording()
    telling = Telling([listener], tmp_path / "runs")
    telling.expect(three, {run.key for run in three})
    for run in three:
        telling(Event(run.key, ELSEWHERE))
        telling(ended(run, ELSEWHERE))
    telling.boards_made([SimpleNamespace(title="old", rows=())])
    telling.close()
    assert listener.told == [("closed",)]


def test_files_of_listeners_beside_runs_are_no_runs(three, tmp_path):
    before = find_runs([tmp_path / "runs"])
    for name in ("trackers/one/artifacts", "trackers/two/runs"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "file").write_text("anything")
    assert find_runs([tmp_path / "runs"]) == before


class Foreign:
    """No listener."""

    def __init__(self, runs):
        pass


class Refuses(hb.Listener):
    """Cannot be made."""

    def __init__(self, runs):
        raise RuntimeError("no licence")


def test_listeners_are_found_by_name_and_refused_in_words(tmp_path):
    entries = [
        ListenerEntry(name, f"{__name__}:{target}", "")
        for name, target in {"one": "Recording", "foreign": "Foreign", "refuses": "Refuses"}.items()
    ]
    plugin = SimpleNamespace(hyperbench_events=hb.hookimpl(lambda: entries))
    registry = Registry([PluginSource("mine", "mine", "0.1", lambda: plugin)])
    assert list(registry.listeners) == ["one", "foreign", "refuses"]
    for asked, error, said in (
        ("ones", UnknownNameError, "Unknown listener 'ones'. Did you mean 'one'?"),
        ("foreign", PluginError, "Foreign must be a subclass"),
        ("refuses", PluginError, "'refuses' cannot be made: RuntimeError: no licence"),
        (3, HyperbenchError, "a name, or an instance of hyperbench.Listener; found 3"),
    ):
        with (
            pytest.raises(error) as caught,
            listening([asked], tmp_path, registry),
        ):
            pass
        assert said in str(caught.value)
    assert list(tmp_path.iterdir()) == []
