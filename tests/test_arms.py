"""The control arms on the point mass: what each of them must and must not be able to do."""

from dataclasses import replace

import numpy as np
import pytest
from gymnasium import spaces

from hyperbench.arms import (
    RandomPolicies,
    ZeroActionPolicies,
    due_rollouts,
    play_arm,
    play_reuse_bound,
)
from hyperbench.protocol import QUICK
from hyperbench.registry.own import ARMS
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.split import Split
from hyperbench.testing.line import LineFamily

NUM_EPISODES = 3


def box(low, high):
    return spaces.Box(np.array(low, np.float32), np.array(high, np.float32))


@pytest.fixture(scope="module")
def split(pointmass):
    return QUICK.split(pointmass, 0)


@pytest.fixture(scope="module")
def seeds(split):
    return episode_seeds(0, "judged episode", split.target, NUM_EPISODES)


@pytest.fixture(scope="module")
def arms(pointmass, split, seeds):
    """Table and number of played episodes of every arm."""
    return {arm: play_arm(arm, pointmass, split, seeds) for arm in ARMS}


def means(arms, arm):
    return arms[arm][0].returns.mean(axis=1)


def test_every_arm_plays_the_episodes_every_method_gets(arms, split, seeds):
    for table, _ in arms.values():
        assert table.tasks == split.target
        np.testing.assert_array_equal(table.seeds, seeds)


def test_experts_do_well_and_random_does_not(arms):
    assert (means(arms, "expert") > 2 * means(arms, "random")).all()
    assert arms["expert"][0].successes.all()
    assert not arms["random"][0].successes.any()
    for arm in ARMS:  # with more drag than thought, an expert may overshoot into a quicker arrival
        assert (means(arms, "expert") > 0.9 * means(arms, arm)).all(), arm


def test_nearest_expert_plays_the_nearest_source(arms, pointmass, split, seeds):
    for i, task in enumerate(split.target):
        distances = [np.linalg.norm(source.vector - task.vector) for source in split.source]
        nearest = split.source[int(np.argmin(distances))]
        alone = rollout(pointmass, [task], pointmass.expert([nearest]), seeds[[i]])
        np.testing.assert_allclose(arms["nearest-expert"][0].returns[i], alone.returns[0])


def test_reuse_bound_is_the_best_source_expert_of_each_task(arms, pointmass, split, seeds):
    bound = means(arms, "reuse-bound")
    assert (bound >= means(arms, "nearest-expert") - 1e-9).all()
    every = []
    for source in split.source:
        policies = pointmass.expert([source] * len(split.target))
        every.append(rollout(pointmass, split.target, policies, seeds))
    earned = np.array([table.returns.mean(axis=1) for table in every])
    np.testing.assert_allclose(bound, earned.max(axis=0))
    best = earned.argmax(axis=0)
    assert len(set(best)) > 1, "one source expert is best everywhere: the test shows nothing"
    successes = [every[source].successes[task] for task, source in enumerate(best)]
    np.testing.assert_array_equal(arms["reuse-bound"][0].successes, successes)


def test_where_episodes_end_at_success_the_best_succeeds_most_often():
    """Whatever it earns, which is the less the sooner; on a solved task no other one is tried."""
    family = LineFamily()
    family.info = replace(family.info, ends_at_success=True)
    split = QUICK.split(family, 0)
    seeds = episode_seeds(0, "test", split.target, NUM_EPISODES)
    every = [
        rollout(family, split.target, family.expert([source] * len(split.target)), seeds)
        for source in split.source
    ]
    successes, returns = (
        np.array([getattr(table, name) for table in every]) for name in ("successes", "returns")
    )
    rates = successes.mean(axis=2)
    best = rates.argmax(axis=0)
    assert (best != returns.mean(axis=2).argmax(axis=0)).any()
    bound, num_played = play_reuse_bound(family, split, seeds)
    for name in ("returns", "lengths", "terminated", "successes", "lasting"):
        expected = [getattr(every[source], name)[task] for task, source in enumerate(best)]
        np.testing.assert_array_equal(getattr(bound, name), expected)
    solved = rates == 1
    tried = np.where(solved.any(axis=0), solved.argmax(axis=0) + 1, len(split.source))
    assert 1 < tried.mean() < len(split.source)
    assert num_played == tried.sum() * NUM_EPISODES
    assert num_played in due_rollouts("reuse-bound", split, seeds)
    assert num_played not in due_rollouts("expert", split, seeds)


def test_number_of_played_episodes_is_told(arms, split, seeds):
    for arm, (_, played) in arms.items():
        assert played == seeds.size * (len(split.source) if arm == "reuse-bound" else 1)


def test_random_actions_do_not_depend_on_the_batch(pointmass, split):
    """Another split, another order: the same task gets the same actions, or scores would move."""
    observations = np.zeros((len(split.target), NUM_EPISODES, 4), np.float32)
    policies = RandomPolicies(pointmass, split.target)
    together = np.array([policies.act(observations) for _ in range(5)])
    chosen = [7, 2]
    few = RandomPolicies(pointmass, [split.target[i] for i in chosen])
    apart = np.array([few.act(observations[:2]) for _ in range(5)])
    np.testing.assert_array_equal(apart, together[:, chosen])
    few.reset()
    np.testing.assert_array_equal(few.act(observations[:2]), together[0, chosen])


def test_random_actions_are_uniform_over_the_action_space(pointmass, make_tasks):
    class Lopsided(type(pointmass)):
        action_space = box([-4.0, 0.0], [2.0, 0.5])

    policies = RandomPolicies(Lopsided(), make_tasks(4))
    actions = np.array([policies.act(np.zeros((4, 5, 4), np.float32)) for _ in range(200)])
    assert actions.dtype == np.float32
    assert len(np.unique(actions)) > 0.99 * actions.size, "a stream is shared or stands still"
    flat = actions.reshape(-1, 2)
    np.testing.assert_allclose(flat.min(axis=0), [-4, 0], atol=0.01)
    np.testing.assert_allclose(flat.max(axis=0), [2, 0.5], atol=0.01)
    np.testing.assert_allclose(flat.mean(axis=0), [-1, 0.25], atol=0.1)


def test_zero_action_is_zero_or_the_nearest_allowed(pointmass, make_tasks):
    observations = np.zeros((2, 3, 4), np.float32)
    tasks = make_tasks(2)
    np.testing.assert_array_equal(
        ZeroActionPolicies(pointmass, tasks).act(observations), np.zeros((2, 3, 2))
    )

    class Offset(type(pointmass)):
        action_space = box([0.5, -3.0], [2.0, -1.0])

    actions = ZeroActionPolicies(Offset(), tasks).act(observations)
    np.testing.assert_array_equal(actions, np.broadcast_to([0.5, -1.0], (2, 3, 2)))


def test_a_nearer_source_raises_the_reuse_bound(pointmass):
    near, far = pointmass.task(goal_x=0.9, goal_y=0.9, drag=1), pointmass.tasks[0]
    target = (pointmass.task(goal_x=1, goal_y=1, drag=1),)
    seeds = episode_seeds(0, "test", target, 2)
    expert, _ = play_arm("expert", pointmass, Split((far,), (), target), seeds)
    close, _ = play_arm("reuse-bound", pointmass, Split((far, near), (), target), seeds)
    poor, _ = play_arm("reuse-bound", pointmass, Split((far,), (), target), seeds)
    assert poor.returns.mean() < close.returns.mean() < expert.returns.mean()
