"""The point mass: the contract every family keeps, and what is special about this one."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hyperbench_pointmass.environment import HORIZON, OBSERVATION_SPACE, START_RANGE
from hyperbench_pointmass.family import GoalDrag

from hyperbench.testing import FAMILY_CHECKS

FAMILY = GoalDrag()


@pytest.mark.parametrize("check", FAMILY_CHECKS, ids=lambda check: check.__name__)
def test_family_contract(check):
    check(FAMILY)


def play_expert(expert_tasks):
    """Rewards (HORIZON, num_tasks) and success at the end of the experts of ``expert_tasks``."""
    env, policies = FAMILY.make_vec(FAMILY.tasks), FAMILY.expert(expert_tasks)
    observations, _ = env.reset(seed=list(range(len(FAMILY.tasks))))
    rewards = []
    for _ in range(HORIZON):
        observations, reward, _, _, info = env.step(policies.act(observations[:, None])[:, 0])
        rewards.append(reward)
    return np.array(rewards), info["success"]


def test_expert_solves_every_task():
    rewards, success = play_expert(FAMILY.tasks)
    assert success.all()
    assert rewards.mean(axis=0).min() > 0.7


def test_observation_hides_goal_and_drag():
    starts, _ = FAMILY.make_vec(FAMILY.tasks).reset(seed=[0] * len(FAMILY.tasks))
    np.testing.assert_array_equal(starts, np.broadcast_to(starts[0], starts.shape))


def test_the_wrong_experts_earn_little():
    """What makes the spec worth reading: other tasks' experts, and one for all, fail."""
    right, _ = play_expert(FAMILY.tasks)
    wrong, success = play_expert(FAMILY.tasks[::-1])
    middle, _ = play_expert([FAMILY.task(goal_x=0, goal_y=0, drag=2)] * len(FAMILY.tasks))
    assert wrong.mean() < 0.2 * right.mean()
    assert middle.mean() < 0.2 * right.mean()
    assert not success.any()


def test_masked_reset_leaves_the_others_alone():
    env = FAMILY.make_vec(FAMILY.tasks[:3])
    before, _ = env.reset(seed=[1, 2, 3])
    for _ in range(5):
        before, *_ = env.step(np.full((3, 2), 0.5, dtype=np.float32))
    after, _ = env.reset(seed=[4, 4, 4], options={"reset_mask": np.array([False, True, False])})
    np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
    start, _ = FAMILY.make(FAMILY.tasks[1]).reset(seed=4)
    np.testing.assert_array_equal(after[1], start)


@pytest.mark.parametrize("seed", [0, 1, 123, 2**31, 2**32 - 1, 2**32, 2**40, 2**48 - 1])
def test_starts_are_those_that_boards_were_measured_from(seed):
    """Each seed has a stream of NumPy's, which goes on at a reset without a seed."""
    stream = np.random.default_rng(seed)
    vector_env, env = FAMILY.make_vec(FAMILY.tasks[:2]), FAMILY.make(FAMILY.tasks[0])
    for given in (seed, None):
        expected = stream.uniform(-START_RANGE, START_RANGE, 2).astype(np.float32)
        start, info = env.reset(seed=given)
        starts, _ = vector_env.reset(seed=[5, given])
        for found in (start, starts[1]):
            np.testing.assert_array_equal(found, [*expected, 0.0, 0.0])
        assert info == {}


def test_reset_counts_seeds_up_from_one_number():
    env = FAMILY.make_vec(FAMILY.tasks[:3])
    np.testing.assert_array_equal(env.reset(seed=5)[0], env.reset(seed=[5, 6, 7])[0])
    assert OBSERVATION_SPACE.contains(env.reset()[0][0])


def test_render_draws_goal_and_mass():
    env = FAMILY.make(FAMILY.task(goal_x=0.8, goal_y=0.8, drag=0), render_mode="rgb_array")
    env.reset(seed=0)
    image = env.render()
    assert image.shape == (300, 300, 3)
    assert image.dtype == np.uint8
    assert (image[70, 230] == (80, 180, 80)).all()  # y points up
    assert (image == (40, 80, 200)).all(axis=-1).any()
    assert FAMILY.make(FAMILY.tasks[0]).render() is None


def test_plugin_module_is_light():
    code = (
        "import json, sys, hyperbench_pointmass.plugin as p;"
        "print(json.dumps([sorted(sys.modules), p.hyperbench_families()[0].id]))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules, family_id = json.loads(out.stdout)
    assert family_id == FAMILY.info.id
    assert not {"torch", "numpy", "gymnasium"} & set(modules)
