"""Our physics against dm_control's own environment, given the same state and actions."""

import numpy as np
import pytest
from hyperbench_locomotion.bodies import BODIES, HORIZON
from hyperbench_locomotion.rewards import gaussian_tolerance, speed_reward
from hyperbench_locomotion.vector_env import LocomotionVectorEnv


@pytest.fixture
def suite(monkeypatch):
    # dm_control looks for OpenGL when it is imported; nothing is drawn here.
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    return pytest.importorskip("dm_control.suite")


def observation(time_step) -> np.ndarray:
    return np.concatenate([np.ravel(value) for value in time_step.observation.values()])


@pytest.mark.parametrize(
    ("name", "sensor_delay"),
    [pytest.param("cheetah", 1, id="cheetah"), pytest.param("walker", 0, id="walker")],
)
def test_trajectory_equals_dm_control(suite, name, sensor_delay):
    theirs = suite.load(name, "run", task_kwargs={"random": 1, "time_limit": float("inf")})
    start = theirs.reset()
    body = BODIES[name]
    targets = np.array([3.0, -2.0, 5.0])
    ours = LocomotionVectorEnv(body, [body.model()] * 3, targets, speed_reward, horizon=HORIZON)
    ours.reset(seed=0)
    ours.physics.place(1, theirs.physics.data.qpos, theirs.physics.data.qvel)
    np.testing.assert_allclose(ours.observe()[1], observation(start), rtol=1e-6, atol=1e-6)

    rng = np.random.default_rng(0)
    their_speeds = [theirs.physics.data.sensordata[0]]
    our_speeds = []
    for _ in range(HORIZON):
        actions = rng.uniform(-1, 1, ours.action_space.shape)
        their_step = theirs.step(actions[1])
        observations, *_ = ours.step(actions)
        their_speeds.append(theirs.physics.data.sensordata[0])
        our_speeds.append(body.speed(ours.physics)[1])
        qpos, qvel = theirs.physics.data.qpos, theirs.physics.data.qvel
        np.testing.assert_allclose(ours.physics.qpos[1], qpos, rtol=0, atol=1e-9)
        np.testing.assert_allclose(ours.physics.qvel[1], qvel, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(observations[1], observation(their_step), rtol=1e-6, atol=1e-6)
    ours.close()
    # Sensors of mujoco.rollout belong to the start of the step, those of dm_control to its end.
    expected = their_speeds[1 - sensor_delay : len(their_speeds) - sensor_delay]
    np.testing.assert_allclose(our_speeds, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("target", [4.0, -0.5, 10.0])
def test_speed_reward_is_dm_controls_tolerance(suite, target):
    from dm_control.utils.rewards import tolerance

    speeds = np.linspace(-15, 15, 101)
    theirs = tolerance(
        np.sign(target) * speeds,
        bounds=(abs(target), float("inf")),
        margin=abs(target),
        sigmoid="linear",
        value_at_margin=0.1,
    )
    np.testing.assert_allclose(speed_reward(speeds, np.full(101, target)), theirs, atol=1e-12)


def test_gaussian_tolerance_is_dm_controls(suite):
    from dm_control.utils.rewards import tolerance

    heights = np.linspace(0, 2, 101)
    theirs = tolerance(heights, bounds=(1.2, float("inf")), margin=0.6)
    np.testing.assert_allclose(gaussian_tolerance(heights, 1.2, 0.6), theirs, atol=1e-12)
