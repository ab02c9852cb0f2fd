"""Python's door: what is handed over is measured, kept, shown and checked as by the commands."""

import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import hyperbench as hb
from hyperbench.api.asked import Asked, protocol_of
from hyperbench.boards.worlds import method_labels
from hyperbench.cli import app
from hyperbench.errors import DataError, HyperbenchError
from hyperbench.generator import ArrayGenerator, FitReport, MethodConfig
from hyperbench.policy.stacked import StackedPolicies
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.policies import write_policies
from hyperbench.registry import installed
from hyperbench.registry.given import given_family, given_method
from hyperbench.registry.typed import code_of
from hyperbench.run import Run
from hyperbench.testing import LineFamily

PROTOCOL = EvalProtocol(
    id="brief-v1",
    summary="for tests",
    num_demonstrations=1,
    num_episodes=2,
    max_target=3,
    seeds=tuple(SeedPair(split=i, fit=i) for i in range(2)),
)


@hb.register_policy_kind
@dataclass(frozen=True)
class Held(StackedPolicies):
    """One action, whatever is observed."""

    kind: ClassVar[str] = "held"
    action: np.ndarray  # (num_tasks, action_dim)

    def act(self, observations):
        return np.repeat(self.action[:, None], observations.shape[1], axis=1)


class MeanAction(ArrayGenerator):
    """Mean action of the first task."""

    class Config(MethodConfig):
        scale: float = 1.0
        """Of the action."""

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        self.arrays = {"action": self.config.scale * demonstrations.actions(0).mean(axis=0)}
        return FitReport(0, 0, 0.0, 1)

    def generate(self, specs, support=None):
        return Held(np.stack([self.arrays["action"] for _ in specs]).astype(np.float32))


class Twice(MeanAction):
    """Mean action of the first task, scaled."""


def stand_still(demonstrations, seed):
    """No action at all."""
    return lambda specs: Held(np.zeros((len(specs), 1), np.float32))


class Locked(LineFamily):
    """A family that no other process can be handed."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


@pytest.fixture
def places(tmp_path, in_this_process, demonstrations_dir):
    return {"output_dir": tmp_path / "runs", "data_dir": demonstrations_dir}


def bench(methods, places, suite=LineFamily, **said):
    return hb.bench(methods, suite, PROTOCOL, baselines=False, **places, **said)


def test_classes_objects_and_functions_are_rows(places, capsys):
    methods = [MeanAction, MeanAction(MeanAction.Config(scale=0.5)), stand_still, Twice]
    # Which settings are whose matters where one method is asked for twice.
    results = bench(methods, places, seeds=1, settings={"twice.scale": 2.0})
    table = results.table.set_index("method")
    assert {"mean-action", "mean-action [scale=0.5]", "twice [scale=2.0]"} <= {*table.index}
    assert {"stand-still", "expert"} <= {*table.index}
    assert table.loc["expert", "score"] == 1
    assert results.board.title == "brief-v1"
    assert len(results) == len(results.runs) == 9
    assert not installed().methods.keys() & {"mean-action", "stand-still"}
    assert "stand-still" in repr(results)
    assert "<td>" in results._repr_html_()
    episodes = results.episodes
    assert isinstance(episodes, pd.DataFrame)
    assert len(episodes) == 9 * 3 * 2
    assert {"goal", "gain", "return", "seed", "region"} <= {*episodes.columns}
    mean = episodes.groupby("method")["return"].mean()
    assert mean["stand-still"] == pytest.approx(table.loc["stand-still", "mean_return"])
    assert results.compare("expert", "stand-still").sentence.startswith("expert beats stand-still")
    assert set(results.verify(None)["stamp"]) == {"verified"}
    assert hb.load_results(*results.runs).table.equals(results.table)


def test_what_is_finished_is_not_repeated_until_its_code_changes(places, capsys):
    def made(text):
        space = dict(globals())
        exec(text, space)
        return space["make"]

    text = "def make(demonstrations, seed):\n return lambda s: Held(np.{}((len(s), 1), np.float32))"
    bench([made(text.format("zeros"))], places, seeds=1)
    capsys.readouterr()
    same = text.format("zeros").replace("\n", "\n 'Docstring.'\n # and a comment\n")
    bench([made(same)], places, seeds=1)
    assert "6 of 6 runs are finished" in capsys.readouterr().err
    bench([made(text.format("ones"))], places, seeds=1)
    assert "for the code of make has changed since: 1" in capsys.readouterr().err


def test_the_command_line_goes_on_where_python_was(places, capsys):
    hb.bench("random", "pointmass", baselines=False, **places)
    words = [
        "run",
        "-m",
        "random",
        "-s",
        "pointmass",
        "--no-baselines",
        "--dry-run",
        "--output-dir",
    ]
    words += [str(places["output_dir"]), "--data-dir", str(places["data_dir"])]
    done = CliRunner().invoke(app, words)
    assert done.output.count("finished") == 5


def test_what_cannot_travel_stays_and_says_so(places, capsys):
    results = bench([stand_still], places, Locked(), seeds=1)
    assert (
        "In this process, for it cannot travel: stand-still (TypeError" in capsys.readouterr().err
    )
    assert not results.board.failures
    (given,) = given_family(Locked())
    with pytest.raises(TypeError, match="cannot travel"):
        given.__reduce__()


def push_right(demonstrations, seed):
    """The second of two actions, whatever is observed."""
    return lambda specs: Held(np.tile(np.float32([0, 1]), (len(specs), 1)))


def test_a_family_of_a_gymnasium_environment_is_benched_as_it_is(places):
    def balance(observations, task):
        return observations @ [0.05, 0.2, 1.0, task["length"] ** 0.5] > 0

    family = hb.GymnasiumFamily(
        "CartPole-v1",
        id="mine/cart-pole-v1",
        features={"length": [0.25, 0.5, 1.0], "gravity": [5.0, 9.8, 15.0]},
        expert=balance,
        horizon=30,
    )
    (given,) = given_family(family)
    assert given.packed is not None  # its expert, too, goes to workers
    results = bench([push_right, "nearest-expert"], places, family, seeds=1)
    assert not results.board.failures
    table = results.table.set_index("method")
    assert table.loc["push-right", "mean_return"] < table.loc["expert", "mean_return"] == 30
    episodes = results.episodes
    assert {"length", "length (feature)", "gravity"} <= {*episodes.columns}
    assert set(episodes["length (feature)"]) <= {0.25, 0.5, 1.0}
    assert episodes["length"].max() == 30
    assert set(results.verify(None)["stamp"]) == {"verified"}


def test_what_is_registered_is_asked_for_by_its_name():
    family = installed().make_family("pointmass/goal-drag-v1")
    asked = Asked([], [family, type(family), "locomotion"])
    assert asked.families() == ["pointmass/goal-drag-v1"] * 2 + ["locomotion"]
    assert not asked.given


@pytest.mark.parametrize("made", [3, LineFamily, object()])
def test_what_is_no_method_is_refused(made, places):
    with pytest.raises(HyperbenchError, match="is no method"):
        bench([made], places)


@pytest.mark.parametrize(
    ("seeds", "pairs"), [(None, [0, 1]), (1, [0]), ([7], [7]), ([1, 0], [1, 0]), ("0,3", [0, 3])]
)
def test_seeds_are_numbers_or_lists(seeds, pairs):
    found = protocol_of(PROTOCOL, seeds)
    assert [(pair.split, pair.fit) for pair in found.seeds] == [(seed, seed) for seed in pairs]
    with pytest.raises(HyperbenchError, match="asks for no run"):
        protocol_of(PROTOCOL, [])


def test_code_is_told_apart_by_what_it_uses():
    def define(helper, default="1", note=""):
        space = {"np": np, "__name__": __name__}
        text = f"k = {helper}\ndef used(x):\n {note!r}\n return x + k\n"
        exec(text + f"class A:\n def f(self, x={default}):\n  return used(x)", space)
        return space["A"]

    assert code_of(define("1")) == code_of(define("1", note="said"))
    assert code_of(define("1")) != code_of(define("2"))
    assert code_of(define("1")) != code_of(define("1", default="2"))
    assert code_of(define("np.zeros(2)")) != code_of(define("np.ones(2)"))
    family = LineFamily()
    before = [given.code for given in given_family(family)]
    family.tasks = family.tasks[:3]  # as the registry sets them
    assert [given.code for given in given_family(family)] == before


def test_a_decorated_name_is_kept():
    @hb.register_method("other", version=3)
    class Named(MeanAction):
        """Other."""

    assert (given_method(Named).entry.name, given_method(Named).entry.version) == ("other", 3)
    assert given_method(MeanAction).entry.name == "mean-action"
    assert given_method(stand_still).entry.summary == "No action at all"


def test_names_of_python_hide_no_module():
    modules = {path.stem for path in Path(hb.__file__).parent.glob("*")}
    assert not modules & {*hb.__all__}
    for name in hb.__all__:
        assert getattr(hb, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'benches'"):
        hb.benches  # noqa: B018


def test_families_demonstrations_and_splits(demonstrations_dir):
    family = hb.load_family("pointmass/goal-drag")
    split = hb.make_split(family, seed=3)
    assert split == hb.make_split("pointmass/goal-drag-v1", "quick-v2", 3)
    shown = hb.load_demonstrations(family, split.source[:2], 1, demonstrations_dir)
    assert shown.specs == split.source[:2]
    with pytest.raises(HyperbenchError, match="is a suite"):
        hb.load_family("locomotion")


def handed(family, action):
    return {task: Held(np.full((1, 1), action, np.float32)) for task in family.tasks}


def test_policies_that_are_handed_in_are_a_row_of_their_own(places, tmp_path, capsys):
    family = LineFamily()
    results = hb.judge(handed(family, 0.5), family, PROTOCOL, name="mine", **places)
    (row,) = [row for row in results.board.rows if row.method == "mine"]
    assert row.is_control
    assert row["rank"].value is None
    assert row["num_runs"].value == 2
    assert any("handed in" in note and "mine" in note for note in results.board.notes)
    assert set(results.verify(None)["stamp"]) == {"verified"}
    split = hb.make_split(family, PROTOCOL)
    batch = Held(np.full((len(split.target), 1), 0.5, np.float32))
    one = hb.judge(batch, family, PROTOCOL, 1, name="batch", **places)
    returns = one.episodes.set_index("method")["return"]
    other = results.episodes.query("split_seed == 0").set_index("method")["return"]
    assert returns["batch"].tolist() == other["mine"].tolist()
    capsys.readouterr()
    hb.judge(handed(family, 0.5), family, PROTOCOL, name="mine", **places)
    assert "2 of 2 runs of mine are finished" in capsys.readouterr().err


def test_two_collections_of_one_name_are_two_rows(make_record):
    records = [
        make_record("mine", policies=policies, family=family, key=policies + family)
        for policies in ("first", "other")
        for family in ("toy/size-v1", "toy/shape-v1")
    ]
    assert len({*method_labels(records[:2]).values()}) == 1
    assert {*method_labels(records).values()} == {
        f"mine (handed in {sums})" for sums in ("first", "other")
    }


def test_a_folder_of_policies_is_judged_by_the_command_line(places, tmp_path):
    family = hb.load_family("pointmass/goal-drag")
    split, folder = hb.make_split(family), tmp_path / "weights"
    folder.mkdir()
    experts = family.expert(split.target)
    for i, task in enumerate(split.target):
        write_policies(folder / f"{task.key}.safetensors", experts.take([i]))
    write_policies(tmp_path / "all.safetensors", experts)
    words = ["-s", "pointmass", "-o", str(places["output_dir"])]
    words += ["--data-dir", str(places["data_dir"])]
    for weights, name in ((folder, "theirs"), (tmp_path / "all.safetensors", "file")):
        done = CliRunner().invoke(app, ["judge", str(weights), "--as", name, *words])
        assert done.exit_code == 0, done.output
        assert name in done.output
    table = hb.load_results(places["output_dir"]).table.set_index("method")
    assert table.loc["theirs", "score"] == table.loc["file", "score"] == 1
    # They are published like any other row, and checked on the board.
    boards = str(tmp_path / "boards")
    for words in (
        ["publish", str(places["output_dir"]), "-b", boards],
        ["verify", boards, "--all"],
    ):
        done = CliRunner().invoke(app, [*words, "-m", "theirs"])
        assert done.exit_code == 0, done.output
    (row,) = [r for r in hb.load_results(boards).board.rows if r.method == "theirs"]
    assert (row.is_control, row["rank"].value) == (True, None)
    (folder / f"{split.target[0].key}.safetensors").unlink()
    with pytest.raises(DataError, match="No policy was handed in for the target tasks"):
        hb.judge(folder, family, name="fewer", **places)
    with pytest.raises(DataError, match="splits, each with target tasks of its own"):
        hb.judge(tmp_path / "all.safetensors", family, seeds=2, name="two", **places)


def test_policies_that_do_not_fit_are_refused_and_nothing_is_recorded(places):
    family, split = LineFamily(), hb.make_split(LineFamily(), PROTOCOL)
    wide = {task: Held(np.zeros((1, 7), np.float32)) for task in family.tasks}
    with pytest.raises(HyperbenchError, match="action"):
        hb.judge(wide, family, PROTOCOL, **places)
    experts = family.expert(split.target)
    with pytest.raises(DataError, match="2 policies for 3 target tasks"):
        hb.judge(experts.take([0, 1]), family, PROTOCOL, 1, **places)
    apart = {task: experts.take([i]) for i, task in enumerate(split.target)}
    apart[split.target[1]] = type(experts).from_arrays(
        *(lambda a, m: ({**a, "observation_mean": a["observation_mean"] + 1}, m))(
            *experts.take([1]).to_arrays()
        )
    )
    with pytest.raises(DataError, match="differ in observation_mean"):
        hb.judge(apart, family, PROTOCOL, 1, **places)
    with pytest.raises(HyperbenchError, match="is a method or a control arm"):
        hb.judge(handed(family, 0.0), family, PROTOCOL, name="expert", **places)
    assert not list(places["output_dir"].glob("*/record.json"))


def test_runs_keep_their_keys_where_nothing_is_handed_in(make_record, pointmass):
    said = make_record().model_dump(include=set(Run.model_fields))
    run = Run.model_validate(said)
    assert run.policies is None
    key = run.key_for(pointmass.info, pointmass.tasks)
    assert key == run.model_copy(update={"policies": None}).key_for(pointmass.info, pointmass.tasks)
    assert key != run.model_copy(update={"policies": "a"}).key_for(pointmass.info, pointmass.tasks)


SCRIPT = """
    import numpy as np
    import hyperbench as hb
    from hyperbench.policy import MLPPolicies

    def still(demonstrations, seed):
        return lambda specs: MLPPolicies(
            (np.zeros((len(specs), 4, 2), np.float32),), (np.zeros((len(specs), 2), np.float32),),
            *(np.zeros(4, np.float32), np.ones(4, np.float32)),
            *(-np.ones(2, np.float32), np.ones(2, np.float32)),
        )

    results = hb.bench(still, "pointmass", baselines=False, output_dir={runs!r}, data_dir={data!r})
    assert not results.board.failures, results.board.failures
    print(len(results))
"""


@pytest.mark.thorough  # two processes, and workers of each; what they do is shown above
def test_a_script_without_a_guard_and_one_from_standard_input_work(tmp_path, demonstrations_dir):
    said = {"runs": str(tmp_path / "runs"), "data": str(demonstrations_dir)}
    text = textwrap.dedent(SCRIPT).format(**said)
    script = tmp_path / "script.py"
    script.write_text(text)
    done = subprocess.run([sys.executable], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
    assert "[6/6]" in done.stderr
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "6\n"), done.stderr
    assert "6 of 6 runs are finished" in done.stderr  # the same code, wherever it stands
