"""The scripted experts: what they know, how often they succeed, what a card says of it."""

import json

import numpy as np
import pytest
from hyperbench_manipulation.sawyer.evaluate import card_path, evaluate
from hyperbench_manipulation.sawyer.families import FrameFamily, GoalFamily
from hyperbench_manipulation.sawyer.names import FRAME_FAMILIES, GOAL_FAMILIES

from hyperbench.arms import play_reuse_bound
from hyperbench.measuring.dataset import dataset, load, prepare
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.split import Split

NAMES = (*GOAL_FAMILIES, *FRAME_FAMILIES)


@pytest.fixture(scope="module")
def make_family(world):
    """A family by its name, with the session's world."""

    def make(name):
        family = GoalFamily(name) if name in GOAL_FAMILIES else FrameFamily(name)
        family.world = world(name.partition("-")[2])
        return family

    return make


def success(family, tasks, experts, num_episodes=2, **options):
    seeds = episode_seeds(0, "test", tasks, num_episodes)
    return rollout(family, tasks, experts, seeds, **options).successes.mean()


@pytest.mark.parametrize("name", NAMES)
def test_card_belongs_to_the_experts(make_family, name):
    family = make_family(name)
    card = json.loads(card_path(name).read_text())
    assert card["family"] == family.info.id
    assert card["expert_version"] == family.info.expert_version
    assert card["physics"] == family.info.physics
    assert list(card["task_success"]) == [task.label for task in family.tasks]
    assert card["judged"]["success"] >= 0.95
    assert card["demonstrated"]["success"] >= (0.8 if name == "goal-peg-insert" else 0.95)
    assert card["judged"]["most_steps_to_success"] < family.info.horizon


@pytest.mark.parametrize("name", ["goal-push", "goal-dial-turn", "frame-drawer-open"])
def test_card_agrees_with_a_new_evaluation(make_family, name):
    family = make_family(name)
    tasks = family.tasks[::9]
    assert success(family, tasks, family.expert(tasks)) >= 0.9


@pytest.mark.parametrize("name", ["goal-push", "goal-window-open", "frame-push"])
def test_the_expert_of_another_task_is_no_help(make_family, name):
    """It acts as if things stood where its own task says, or as if turned by its own angle."""
    family = make_family(name)
    tasks = [family.tasks[i] for i in (0, 7, 14, 21)]
    assert success(family, tasks, family.expert(tasks)) == 1.0
    assert success(family, tasks, family.expert(tasks[2:] + tasks[:2])) <= 0.5


def test_reuse_bound_tells_whether_the_best_experts_success_lasts(make_family):
    family = make_family("frame-push")
    split = Split(source=family.tasks[::7], validation=(), target=family.tasks[3::7])
    seeds = episode_seeds(0, "test", split.target, 3)
    bound, num_played = play_reuse_bound(family, split, seeds)
    tables = [
        rollout(family, split.target, family.expert([source] * len(split.target)), seeds)
        for source in split.source
    ]
    best = np.argmax([table.returns.mean(axis=1) for table in tables], axis=0)
    lasting = np.array([tables[source].lasting[task] for task, source in enumerate(best)])
    np.testing.assert_array_equal(bound.lasting, lasting)
    assert 0 < lasting.sum() < bound.successes.sum()
    solved = np.array([table.successes.all(axis=1) for table in tables])
    tried = np.where(solved.any(axis=0), solved.argmax(axis=0) + 1, len(split.source))
    assert num_played == tried.sum() * seeds.shape[1]
    assert tried.min() < tried.max()


def test_demonstrations_end_at_success(make_family, tmp_path):
    family = make_family("goal-reach")
    family.tasks = family.tasks[:2]
    found = dataset(family, 2, tmp_path)
    prepare(family, found)
    demonstrations = load(family, found, family.tasks)
    lengths = []
    for row in demonstrations.episodes:
        for episode in row:
            assert episode.terminated
            assert episode.rewards.tolist() == [0.0] * (len(episode) - 1) + [1.0]
            lengths.append(len(episode))
    assert len(set(lengths)) > 1
    assert max(lengths) < family.info.horizon


def test_evaluation_writes_a_card(tmp_path, monkeypatch, make_family):
    module = "hyperbench_manipulation.sawyer.evaluate"
    family = make_family("goal-reach")
    family.tasks = family.tasks[:3]
    monkeypatch.setattr(f"{module}.GoalFamily", lambda name: family)
    monkeypatch.setattr(f"{module}.DATA", tmp_path)
    card = json.loads(evaluate("goal-reach", 2).read_text())
    assert card["judged"]["success"] == 1.0
    assert list(card["task_success"]) == [task.label for task in family.tasks]
    assert np.shape(list(card["task_success"].values())) == (3, 2)
