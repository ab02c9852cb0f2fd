"""From a wanted motion of the hand to motions of the joints."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hyperbench_mujoco import mujoco

from hyperbench_manipulation.arm.links import JOINT_LIMITS, NUM_JOINTS

Array = npt.NDArray[np.float64]

_DAMPING = 1e-3
"""Squared; keeps joints from racing where the arm is stretched out."""
_START = np.array([0, np.pi / 8, 0, -np.pi * 5 / 8, 0, np.pi * 3 / 4, np.pi / 4])
_LARGEST_STEP = 0.2
_TOLERANCE = 1e-4
_MOST_ITERATIONS = 1000
DOWN = np.diag([1.0, -1.0, -1.0])
"""How the hand is turned where it points straight down, its fingers left and right."""


def joint_steps(jacobians: Array, motions: Array) -> Array:
    """Damped least squares, each arm by itself (Nakamura and Hanafusa, 1986).

    Args:
        jacobians: (num_envs, 6, num_joints), translation above rotation.
        motions: (num_envs, 6) wanted small motions of the hand [m, rad], in world axes.

    Returns:
        (num_envs, num_joints) small motions of the joints [rad].
    """
    transposed = jacobians.transpose(0, 2, 1)
    damped = jacobians @ transposed + _DAMPING * np.eye(6)
    steps: Array = (transposed @ np.linalg.solve(damped, motions[:, :, None]))[:, :, 0]
    return steps


def rotation_to(turned: Array, wanted: Array) -> Array:
    """Half the sum of the cross products of two frames' axes: the rotation from one to the other.

    Args:
        turned: (..., 3, 3) rotation matrices, the axes in their columns.
        wanted: (..., 3, 3).

    Returns:
        (..., 3): sine of the angle about the axis of rotation, in world axes.
    """
    half: Array = 0.5 * np.cross(turned, wanted, axis=-2).sum(axis=-1)
    return half


def reach(model: mujoco.MjModel, position: Array) -> Array:
    """Joint angles (num_joints,) with which the tool is at ``position`` and points down.

    Raises:
        RuntimeError: this arm does not reach it.
    """
    data = mujoco.MjData(model)
    tool = model.site("tool").id
    angles = data.qpos[:NUM_JOINTS]
    angles[:] = _START
    jacobian = np.zeros((6, model.nv))
    for _ in range(_MOST_ITERATIONS):
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        turn = rotation_to(data.site_xmat[tool].reshape(3, 3), DOWN)
        error = np.concatenate([position - data.site_xpos[tool], turn])
        if np.linalg.norm(error) < _TOLERANCE:
            return angles.copy()
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], tool)
        step = joint_steps(jacobian[None, :, :NUM_JOINTS], error[None])[0]
        angles[:] = np.clip(angles + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP), *JOINT_LIMITS)
    raise RuntimeError(f"The arm does not reach {position}; it is {error} away.")
