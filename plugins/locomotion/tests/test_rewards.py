"""What the rewards tell apart."""

import numpy as np
import pytest
from hyperbench_locomotion.bodies import BODIES, reward_function
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.grids import grid
from hyperbench_locomotion.rewards import RecentMean, tracking_reward


def best_pair(suite, body, features, mix):
    """Mean reward over a grid of the two constant speeds, one each way, that earn most."""
    targets = np.array(grid(suite, body, features)["speed"])
    speeds = np.linspace(-body.max_speed, body.max_speed, 401)
    reward = reward_function(suite, body)
    rewards = mix(reward(speeds[:, None], np.broadcast_to(targets, (401, len(targets)))))
    totals = [rewards[:, way].sum(axis=1).max() for way in (targets < 0, targets > 0)]
    return sum(totals) / len(targets)


@pytest.mark.parametrize("features", [("speed",), ("speed", "length")])
@pytest.mark.parametrize("name", BODIES)
def test_one_gait_each_way_solves_locomotion_but_not_tracking(name, features):
    # A walker that stands earns a sixth without moving.
    mix = {"walker": lambda move: (5 * move + 1) / 6}.get(name, lambda move: move)
    body = BODIES[name]
    assert best_pair("locomotion", body, features, mix) > 0.99
    assert best_pair("tracking", body, features, mix) < 0.61


@pytest.mark.parametrize("name", BODIES)
def test_tracking_is_fair_to_slow_and_fast_targets(name):
    body = BODIES[name]
    reward = reward_function("tracking", body)
    targets = np.array(grid("tracking", body, ("speed",))["speed"])
    np.testing.assert_array_equal(reward(targets, targets), 1.0)
    np.testing.assert_array_equal(reward(-np.sign(targets) * body.slow_speed, targets), 0.0)
    unevenness = 0.1 * body.slow_speed
    assert (reward(targets + unevenness, targets) > 1 - 1e-9).all()
    resting = reward(np.zeros(len(targets)), targets)
    assert (resting[np.abs(targets) >= body.slow_speed] == 0).all()
    assert (reward(0.02 * targets, targets) > resting).all(), "nothing to gain by starting"


def test_a_mean_without_memory_is_the_present_value():
    mean = RecentMean(3, memory=0.0)
    for values in np.random.default_rng(0).normal(size=(5, 3)):
        np.testing.assert_array_equal(mean.update(values), values)


def test_a_recent_mean_forgets_slowly_and_starts_afresh_where_told():
    mean = RecentMean(2, memory=50.0)
    for _ in range(200):
        np.testing.assert_allclose(mean.update(np.array([4.0, 4.0])), 4.0)
    assert 3.9 < mean.update(np.array([0.0, 0.0]))[0] < 4.0
    mean.restart(np.array([1]))
    after = mean.update(np.array([1.0, 1.0]))
    assert after[0] > 3.5
    assert after[1] == 1.0


def test_tracking_judges_the_fingers_strokes_by_their_mean():
    family = LocomotionFamily("tracking", "finger", ("speed",))
    env = family.make_vec([family.task(speed=5.0)] * 2)
    env.reset(seed=0)
    idle = np.zeros((2, 2))
    env.physics.place(0, env.physics.qpos[0].copy(), np.array([0.0, 0.0, 5.0]))
    rewards, speeds = [], []
    for _ in range(20):
        rewards.append(env.step(idle)[1])
        speeds.append(env.physics.qvel[:, 2].copy())
    assert speeds[-1][0] < 3.0, "the spinner slows down by itself"
    # A value of one second ago, 50 control steps, weighs 1/e.
    mean = np.average(speeds, axis=0, weights=np.exp(np.arange(-19, 1) / 50))
    expected = tracking_reward(mean, np.full(2, 5.0), env.body.slow_speed)
    np.testing.assert_allclose(rewards[-1], expected)
    assert rewards[-1][0] > tracking_reward(speeds[-1], np.full(2, 5.0), 3.0)[0]
    env.reset(seed=0)
    np.testing.assert_array_equal(env.step(idle)[1][1], rewards[0][1])
