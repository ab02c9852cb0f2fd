"""What ``hyperbench inspect`` measures, and what it refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyperbench.boards.choice import Choice
from hyperbench.commands.inspect import inspect_command
from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.errors import DataError
from hyperbench.events import ignore
from hyperbench.executors import Site
from hyperbench.measuring.cloning import Stage, cloning_losses, inspect_run
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted, ensure_demonstrations
from hyperbench.protocol import PROTOCOLS, QUICK
from hyperbench.records.store import RECORD, StoredRun
from hyperbench.registry import installed

FAMILY = "pointmass/goal-drag"
TINY = ("num_steps=30", "samples_per_task=32", "choose_after=0", "policy_width=16")
SMALL_BLOCKS = ("num_blocks=3", "code_width=8", "codec_width=16", "block_width=16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("inspection")


@pytest.fixture(scope="module")
def go(folder):
    """Execute the run of one method; gives its folder."""

    def run(method: str, *settings: str, protocol=QUICK) -> Path:
        registry = installed()
        places = Site(folder / "runs", folder / "data")
        small = {"num_episodes": 1, "num_demonstrations": 2, "seeds": protocol.seeds[:1]}
        if protocol.num_support:
            small["num_support"] = 1
        rules = protocol.model_copy(update=small)
        runs = plan(
            registry,
            [method],
            FAMILY,
            rules,
            baselines=False,
            settings=settings,
            data_dir=places.data,
        )
        [chosen] = [run for run in runs if run.method == method]
        if not chosen.is_arm:
            ensure_demonstrations(Wanted(chosen.family, rules), places, ignore)
        record = execute(chosen, places, ignore)
        assert record.status == "ok", record.traceback
        return places.runs / chosen.key

    return run


@pytest.fixture(scope="module")
def hypogen(go) -> Path:
    return go("hypogen", *TINY, *SMALL_BLOCKS)


def test_each_block_is_measured_and_the_last_is_what_the_fit_chose(folder, hypogen) -> None:
    stages = inspect_run(StoredRun.read(hypogen), installed(), folder / "data")
    assert [stage.name for stage in stages] == ["after block 1", "after block 2", "after block 3"]
    record = StoredRun.read(hypogen).record
    for stage in stages:
        assert len(stage.source) == len(record.split.source)
        assert len(stage.validation) == len(record.split.validation)
    held_out = {step: loss for step, _, loss in record.fit.curve}
    last = np.mean(list(stages[-1].validation.values()))
    assert last == pytest.approx(held_out[record.fit.chosen_step], rel=1e-3)
    assert np.mean(list(stages[0].validation.values())) != pytest.approx(last, rel=1e-3)


def test_a_method_without_stages_has_one(go, folder) -> None:
    [stage] = inspect_run(StoredRun.read(go("spec-blind", *TINY)), installed(), folder / "data")
    assert stage.name == "generated"
    assert all(loss > 0 for loss in (*stage.source.values(), *stage.validation.values()))


def test_support_is_handed_to_few_shot_methods(go, folder) -> None:
    run = go("conditional-finetuned", *TINY, "finetune_steps=2", protocol=PROTOCOLS["few-shot-v1"])
    [stage] = inspect_run(StoredRun.read(run), installed(), folder / "data")
    assert stage.name == "adapted"


def test_shown_for_people_and_as_json(hypogen, folder, capsys) -> None:
    inspect_command([hypogen], folder / "data", as_json=False)
    shown = capsys.readouterr().out
    assert "hypogen [" in shown
    assert "after block 3" in shown
    inspect_command([hypogen], folder / "data", as_json=True)
    [run] = json.loads(capsys.readouterr().out)
    assert run["key"] == hypogen.name
    assert run["stages"][2]["validation"].keys() <= {
        task.label for task in installed().make_family(run["family"]).tasks
    }


def test_runs_of_one_row_have_a_mean(write_run, tmp_path, monkeypatch, capsys) -> None:
    for split in (0, 1):
        write_run("learned", np.zeros(8), split_seed=split)
    write_run("other", np.zeros(8))
    monkeypatch.setattr(StoredRun, "keeps_generator", True)

    def losses(run, *_):
        return [Stage("generated", {"a": 0.0, "b": 1.0 + run.record.seeds.split}, {})]

    monkeypatch.setattr("hyperbench.commands.inspect.inspect_run", losses)
    inspect_command([tmp_path / "runs"], tmp_path, as_json=False)
    shown = capsys.readouterr().out
    title = "learned on toy/size-v1 (test-v1, mean over 2 runs)"
    assert "0.75000" in shown.partition(title)[2]
    assert shown.count("mean over ") == 2  # that one, and the line below
    inspect_command([tmp_path / "runs"], tmp_path, False, Choice(methods=["other"]))
    assert "learned" not in capsys.readouterr().out


def test_runs_without_a_generator_are_refused(go, hypogen, folder, tmp_path) -> None:
    with pytest.raises(DataError, match="Of 1 runs none is a method's"):
        inspect_command([go("random")], folder / "data", as_json=False)
    copy = tmp_path / hypogen.name
    shutil.copytree(hypogen, copy)
    weights = next((copy / "generator").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(DataError, match="was altered"):
        inspect_run(StoredRun.read(copy), installed(), folder / "data")
    shutil.rmtree(copy / "generator")
    with pytest.raises(DataError, match="has no generator, or not any more"):
        inspect_run(StoredRun.read(copy), installed(), folder / "data")


def test_a_committed_board_is_left_out_and_never_to_be_deleted(hypogen, folder, capsys) -> None:
    board = Path(__file__).parents[1] / "leaderboards" / "pointmass" / "standard-v1"
    with pytest.raises(DataError, match="committed boards keep none") as caught:
        inspect_command([board], folder / "data", as_json=False)
    assert "delete" not in str(caught.value).lower()
    inspect_command([board, hypogen], folder / "data", as_json=False)
    shown = capsys.readouterr()
    assert "after block 3" in shown.out
    assert "80 of 81 runs keep no generator" in " ".join(shown.err.split())


def test_other_demonstrations_than_the_runs_are_refused(hypogen, folder, tmp_path) -> None:
    copy = tmp_path / hypogen.name
    shutil.copytree(hypogen, copy)
    record = json.loads((copy / RECORD).read_text())
    (copy / RECORD).write_text(json.dumps({**record, "demonstrations": "other"}))
    with pytest.raises(DataError, match="was fitted to other demonstrations"):
        inspect_run(StoredRun.read(copy), installed(), folder / "data")


class Counting:
    """Two tasks' policies whose action is how often they have acted since the last reset."""

    num_tasks = 2

    def reset(self) -> None:
        self.count = 0.0

    def act(self, observations):
        self.count += 1
        return np.full((*observations.shape[:2], 1), self.count, np.float32)


@pytest.fixture
def counted(make_tasks) -> Demonstrations:
    """Actions from 0 to 4; the first task's episodes have 3 steps and 1, the second's 2 each."""

    def episode(*actions: float) -> Episode:
        length = len(actions)
        seen = np.zeros((length + 1, 2), np.float32)
        taken = np.array(actions, np.float32)[:, None]
        return Episode(seen, taken, np.zeros(length, np.float32), False, seed=0)

    episodes = ((episode(1, 2, 3), episode(3)), (episode(1, 0), episode(1, 4)))
    low, high = np.zeros(1, np.float32), np.full(1, 4, np.float32)
    return Demonstrations(tuple(make_tasks(2)), episodes, low, high)


def test_losses_by_hand(counted) -> None:
    """Half the action range is 2; what is acted past an episode's end does not count."""
    policies = Counting()
    for _ in range(2):
        losses = cloning_losses(policies, counted)
        assert losses == pytest.approx([(0 + 0 + 0 + 1) / 4, (0 + 1 + 0 + 1) / 4])


def test_every_action_counts(counted) -> None:
    wide = replace(
        counted,
        episodes=tuple(
            tuple(replace(e, actions=np.repeat(e.actions, 2, axis=1)) for e in row)
            for row in counted.episodes
        ),
        action_low=np.zeros(2, np.float32),
        action_high=np.array([4, 8], np.float32),
    )
    assert cloning_losses(Counting(), wide)[0] == pytest.approx((1 + 1 / 4) / 2 / 4)
