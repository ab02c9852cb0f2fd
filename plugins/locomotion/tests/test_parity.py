"""Our physics against dm_control's own environments, given the same state and actions."""

import numpy as np
import pytest
from hyperbench_locomotion.bodies import BODIES, HORIZON
from hyperbench_locomotion.rewards import gaussian_tolerance, speed_reward, tracking_reward
from hyperbench_locomotion.vector_env import LocomotionVectorEnv

LENGTHS = {"cheetah": (0.3, 0.5, 0.67), "walker": (0.1, 0.3, 0.43), "finger": (0.1, 0.16, 0.4)}
SENSOR_DELAY = {"cheetah": 1, "walker": 0, "finger": 0}
"""Physics steps by which our speeds are older: ``RolloutPhysics`` reads sensors one step early."""


def their_speed(name, physics):
    return physics.hinge_velocity() if name == "finger" else physics.named.data.sensordata[0]


@pytest.mark.parametrize(
    ("name", "length"), [(name, length) for name, some in LENGTHS.items() for length in some]
)
def test_trajectory_equals_dm_controls(dm_control, name, length):
    theirs = dm_control.environment(name, length, seed=1)
    start = theirs.reset()
    body = BODIES[name]
    targets = np.array([3.0, -2.0])
    ours = LocomotionVectorEnv(body, [body.model(length)] * 2, targets, speed_reward, horizon=1)
    ours.reset(seed=0)
    data = theirs.physics.data
    ours.physics.place(1, data.qpos, data.qvel)
    close = {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(ours.observe()[1], dm_control.observation(start), **close)

    rng = np.random.default_rng(0)
    their_speeds, our_speeds = [their_speed(name, theirs.physics)], []
    touched = 0
    for _ in range(HORIZON):
        actions = rng.uniform(-1, 1, ours.action_space.shape)
        expected = dm_control.observation(theirs.step(actions[1]))
        observations, *_ = ours.step(actions)
        their_speeds.append(their_speed(name, theirs.physics))
        our_speeds.append(body.speed(ours.physics)[1])
        np.testing.assert_allclose(ours.physics.qpos[1], data.qpos, rtol=0, atol=1e-9)
        np.testing.assert_allclose(ours.physics.qvel[1], data.qvel, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(observations[1], expected, **close)
        touched += data.ncon > 0
    ours.close()
    assert touched > 10, "contacts were hardly compared"
    delay = SENSOR_DELAY[name]
    expected = their_speeds[1 - delay : len(their_speeds) - delay]
    np.testing.assert_allclose(our_speeds, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("target", [4.0, -0.5, 10.0])
def test_speed_reward_is_dm_controls_tolerance(dm_control, target):
    speeds = np.linspace(-15, 15, 101)
    theirs = dm_control.tolerance(
        np.sign(target) * speeds,
        bounds=(abs(target), float("inf")),
        margin=abs(target),
        sigmoid="linear",
        value_at_margin=0.1,
    )
    np.testing.assert_allclose(speed_reward(speeds, np.full(101, target)), theirs, atol=1e-12)


@pytest.mark.parametrize("target", [4.0, -0.5, 0.25, -10.0])
@pytest.mark.parametrize("slow", [0.5, 3.0])
def test_tracking_reward_is_a_squared_tolerance(dm_control, target, slow):
    speeds = np.linspace(-25, 25, 501)
    scale = max(abs(target), slow)
    theirs = dm_control.tolerance(
        speeds,
        bounds=(target - 0.1 * scale, target + 0.1 * scale),
        margin=0.9 * scale,
        sigmoid="linear",
        value_at_margin=0,
    )
    ours = tracking_reward(speeds, np.full(501, target), slow)
    np.testing.assert_allclose(ours, theirs**2, atol=1e-12)


def test_gaussian_tolerance_is_dm_controls(dm_control):
    heights = np.linspace(0, 2, 101)
    theirs = dm_control.tolerance(heights, bounds=(1.2, float("inf")), margin=0.6)
    np.testing.assert_allclose(gaussian_tolerance(heights, 1.2, 0.6), theirs, atol=1e-12)
