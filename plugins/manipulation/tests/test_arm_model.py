"""The arm itself: its offsets, what the factors edit, how it follows actions, what it earns."""

import mujoco
import numpy as np
import pytest
from hyperbench_manipulation.arm.cube import CUBE_TASKS, HOME
from hyperbench_manipulation.arm.family import ArmFamily
from hyperbench_manipulation.arm.kinematics import DOWN, joint_steps, reach, rotation_to
from hyperbench_manipulation.arm.model import BASE_DISTANCE, Build, build_model
from hypothesis import given, settings
from hypothesis import strategies as st


def frames(model, angles):
    data = mujoco.MjData(model)
    data.qpos[:7] = angles
    mujoco.mj_forward(model, data)
    return data


def test_offsets_are_the_pandas():
    """With all angles zero the flange is 0.088 m before and 0.926 m above the base."""
    data = frames(build_model(Build()), np.zeros(7))
    base = np.array([-BASE_DISTANCE, 0, 0])
    np.testing.assert_allclose(data.body("hand").xpos - base, [0.088, 0, 0.926], atol=1e-9)
    np.testing.assert_allclose(data.site("tool").xpos - base, [0.088, 0, 0.8226], atol=1e-9)


@pytest.mark.parametrize("arm", [0.6, 1.0, 2.0])
def test_arm_stretches_upper_arm_forearm_and_base_distance(arm):
    model = build_model(Build(arm=arm))
    data = frames(model, np.zeros(7))
    shoulder, elbow, wrist = (data.body(f"link{i}").xpos for i in (2, 3, 6))
    np.testing.assert_allclose(elbow[2] - shoulder[2], 0.316 * arm)
    np.testing.assert_allclose(wrist[2] - elbow[2], 0.384 * arm)
    np.testing.assert_allclose(data.body("base").xpos, [-BASE_DISTANCE * arm, 0, 0])
    nominal = build_model(Build())
    np.testing.assert_array_equal(model.body_mass, nominal.body_mass)
    np.testing.assert_array_equal(model.actuator_gainprm, nominal.actuator_gainprm)


def test_size_edits_the_cube_alone():
    model, nominal = build_model(Build(size=0.03)), build_model(Build())
    geom = model.body("cube").geomadr[0]
    np.testing.assert_array_equal(model.geom_size[geom], [0.03] * 3)
    np.testing.assert_allclose(model.body("cube").mass, 1000 * 0.06**3)
    others = np.arange(model.ngeom) != geom
    np.testing.assert_array_equal(model.geom_size[others], nominal.geom_size[others])


def test_stiffness_and_damping_edit_the_seven_joints_alone():
    model, nominal = build_model(Build(stiffness=700, damping=60)), build_model(Build())
    np.testing.assert_array_equal(model.actuator_gainprm[:7, 0], 700)
    np.testing.assert_array_equal(model.actuator_biasprm[:7, 1:3], [[-700, -60]] * 7)
    np.testing.assert_array_equal(model.actuator_gainprm[7:], nominal.actuator_gainprm[7:])
    np.testing.assert_array_equal(model.actuator_biasprm[7:], nominal.actuator_biasprm[7:])


@pytest.mark.parametrize("arm", [0.6, 1.0, 2.0])
def test_home_is_reached_with_the_hand_down(arm):
    model = build_model(Build(arm=arm))
    site = frames(model, reach(model, HOME)).site("tool")
    np.testing.assert_allclose(site.xpos, HOME, atol=2e-4)
    np.testing.assert_allclose(site.xmat.reshape(3, 3), DOWN, atol=2e-3)


def test_what_is_out_of_reach_is_refused():
    with pytest.raises(RuntimeError, match="does not reach"):
        reach(build_model(Build()), np.array([3.0, 0.0, 0.0]))


@given(st.integers(0, 2**32 - 1), st.floats(-1.5, 1.5))
@settings(max_examples=30, deadline=None)
def test_rotation_to_is_the_sine_about_the_axis(seed, angle):
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    quaternion, matrix = np.zeros(4), np.zeros(9)
    mujoco.mju_axisAngle2Quat(quaternion, axis, angle)
    mujoco.mju_quat2Mat(matrix, quaternion)
    start, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    found = rotation_to(start, matrix.reshape(3, 3) @ start)
    np.testing.assert_allclose(found, np.sin(angle) * axis, atol=1e-12)


def test_joint_steps_make_the_motion_and_ignore_the_batch():
    rng = np.random.default_rng(0)
    jacobians, motions = rng.normal(size=(5, 6, 7)), rng.normal(size=(5, 6))
    steps = joint_steps(jacobians, motions)
    made = np.einsum("nij,nj->ni", jacobians, steps)
    np.testing.assert_allclose(made, motions, atol=0.05)
    for i in range(5):
        alone = joint_steps(jacobians[i : i + 1], motions[i : i + 1])
        np.testing.assert_array_equal(alone[0], steps[i])


@pytest.mark.parametrize("axis", range(6))
def test_an_action_moves_the_hand_along_its_axis(axis):
    env = ArmFamily("lift-size").make_vec([ArmFamily("lift-size").tasks[0]])
    env.reset(seed=0)
    action = np.zeros((1, 7))
    action[0, axis] = 0.5
    for _ in range(4):  # the servos take a few steps to follow
        position, turn = env.physics.tool[0].copy(), env.physics.turn[0].copy()
        env.step(action)
    moved = np.append(env.physics.tool[0] - position, rotation_to(turn, env.physics.turn[0]))
    assert moved[axis] > (0.008 if axis < 3 else 0.03)
    across = np.delete(moved / np.repeat([0.05, 0.2], 3), axis)
    assert np.abs(across).max() < 0.4 * moved[axis] / (0.05 if axis < 3 else 0.2)


def test_the_gripper_shuts_and_opens_and_actions_are_clipped():
    family = ArmFamily("lift-size")
    envs = [family.make_vec(family.tasks[:1]) for _ in range(2)]
    observations = []
    for env, shut in zip(envs, (-1, -50), strict=True):
        env.reset(seed=0)
        for _ in range(15):
            env.step(np.array([[0, 0, 0, 0, 0, 0, shut]]))
        assert env.observe()[0, 7] < 0.001
        for _ in range(15):
            env.step(np.array([[0, 0, 0, 0, 0, 0, 1.0]]))
        assert env.observe()[0, 7] > 0.039
        observations.append(env.observe())
    np.testing.assert_array_equal(*observations)


def test_a_return_is_progress_and_success():
    """Up to the first success: 1 less what the start was worth, and less what is still missing."""
    for name in ("lift-stiffness", "pick-stiffness"):
        family = ArmFamily(name)
        env = family.make_vec(family.tasks[-1:])
        observation, _ = env.reset(seed=3)
        task = CUBE_TASKS[name[:4]]
        start = task.progress(env.physics, task.distance(env.physics, env.goals))[0]
        expert, total, done = family.expert(family.tasks[-1:]), 0.0, False
        while not done:
            observation, reward, _, cut, info = env.step(expert.act(observation[None])[0])
            total, done = total + reward[0], info["success"][0]
            assert not cut
        end = task.progress(env.physics, task.distance(env.physics, env.goals))[0]
        np.testing.assert_allclose(total, end - start + 0.5)
        assert 0.6 < total < 0.9
        after = [env.step(np.zeros((1, 7)))[1][0] for _ in range(3)]
        assert max(after) < 0.1, "success is paid twice"


def test_standing_still_earns_nothing():
    family = ArmFamily("pick-arm")
    env = family.make_vec(family.tasks)
    env.reset(seed=0)
    rewards = sum(env.step(np.zeros((len(family.tasks), 7)))[1] for _ in range(20))
    np.testing.assert_allclose(rewards, 0, atol=2e-3)


def test_success_is_20_cm_up_or_25_mm_from_the_goal():
    lift, pick = CUBE_TASKS["lift"], CUBE_TASKS["pick"]
    family = ArmFamily("lift-size")
    env = family.make_vec([family.task(size=0.03)])
    env.reset(seed=0)
    for height, expected in ((0.229, False), (0.2301, True)):
        env.physics.qpos[0, 11] = height
        assert lift.success(lift.distance(env.physics, env.goals))[0] == expected
        np.testing.assert_allclose(pick.distance(env.physics, env.goals), abs(0.23 - height))
    assert pick.success(np.array([0.0249, 0.0251])).tolist() == [True, False]
