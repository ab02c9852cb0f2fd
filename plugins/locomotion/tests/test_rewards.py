"""What the rewards tell apart."""

import numpy as np
import pytest
from hyperbench_locomotion.bodies import BODIES, reward_function
from hyperbench_locomotion.grids import grid


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
    assert best_pair("tracking", body, features, mix) < 0.6


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
