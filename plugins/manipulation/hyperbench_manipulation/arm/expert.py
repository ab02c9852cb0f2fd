"""The scripted expert: it looks at one observation and acts, and remembers nothing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperbench.task import FloatArray
from hyperbench_manipulation.arm import cube
from hyperbench_manipulation.arm.kinematics import rotation_to

EXPERT_VERSION = "scripted-1"

_APPROACH_GAIN = 20.0
_TURN_GAIN = 5.0
_HOVER = 0.08
"""How high above the cube the open hand waits until it is in line with it [m]."""
_LATERAL_SLACK, _TURN_SLACK = 0.008, 0.1
"""Up to here the hand counts as in line with the cube [m, rad]; beyond, it rises."""
_HOVER_PER_LATERAL, _HOVER_PER_TURN = 6.0, 0.4
_LOWEST = 0.012
"""Fingertips would touch the table below [m]."""
_GRASP, _HOLD = 0.014, 0.025
"""At most so far from the cube the hand begins to close, and stays closed [m]."""
_CLOSING = 0.032
"""A finger that is nearer to the middle has begun to close: open ones waver under execution noise,
and are held off by the largest cube at 0.03 [m]."""
_STILL = 0.03
"""Slower than this the fingers have met the cube [m/s]."""
_RISE = 0.3
"""The height that ``lift`` aims at, well above what success asks for [m]."""

Array = npt.NDArray[np.float64]


class CubeExperts:
    """Above the cube, down, shut, and away with it; the same for every task of every family.

    What it does follows from the observation alone. The hand comes down as far as it is in line
    with the cube; it shuts at the cube, and goes on when the fingers are stopped by it.

    Args:
        num_tasks: how many tasks there is a policy for.
    """

    def __init__(self, num_tasks: int) -> None:
        self._num_tasks = num_tasks

    @property
    def num_tasks(self) -> int:
        """How many tasks there is a policy for."""
        return self._num_tasks

    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, obs_dim) -> (num_tasks, num_episodes, 7).

        Only operations that are exact in every place of an array are used: an action does not
        depend on what else is in the batch, to the last digit.
        """
        seen = observations.astype(np.float64)
        turn = _turn_to_cube(seen)
        to_cube = seen[..., cube.TO_CUBE]
        fingers = seen[..., cube.FINGERS].mean(axis=-1)
        at_cube = _at_cube(seen, fingers)
        speed = np.abs(seen[..., cube.FINGER_SPEEDS]).max(axis=-1)
        holds = at_cube & (fingers < _CLOSING) & (speed < _STILL)
        approach = to_cube.copy()
        approach[..., 2] = _grasp_height(seen) - seen[..., cube.TOOL][..., 2]
        approach[..., 2] += np.where(at_cube, 0.0, _hover(to_cube, turn))
        move = np.where(holds[..., None], _away(seen), approach)
        grip = np.where(at_cube, -1.0, 1.0)
        actions = np.concatenate([_APPROACH_GAIN * move, _TURN_GAIN * turn, grip[..., None]], -1)
        return np.clip(actions, -1.0, 1.0).astype(np.float32)

    def reset(self) -> None:
        """Do nothing: the expert remembers nothing."""


def _turn_to_cube(seen: Array) -> Array:
    """(..., 3) rotation that points the hand down, its fingers at two faces of the cube."""
    w, x, y, z = np.moveaxis(seen[..., cube.CUBE_QUATERNION], -1, 0)
    side_x, side_y = 1 - 2 * (y * y + z * z), 2 * (x * y + w * z)
    length = np.sqrt(side_x * side_x + side_y * side_y) + 1e-9
    side_x, side_y = side_x / length, side_y / length
    tool_x, tool_y = seen[..., cube.TOOL_X], seen[..., cube.TOOL_Y]
    # Of the four ways to take hold of a cube, the one that asks for the least turning.
    along = tool_x[..., 0] * side_x + tool_x[..., 1] * side_y
    across = tool_x[..., 1] * side_x - tool_x[..., 0] * side_y
    aligned = np.abs(along) >= np.abs(across)
    sign = np.where(np.where(aligned, along, across) < 0, -1.0, 1.0)
    to_x = sign * np.where(aligned, side_x, -side_y)
    to_y = sign * np.where(aligned, side_y, side_x)
    zero, one = np.zeros_like(to_x), np.ones_like(to_x)
    wanted = np.stack([to_x, to_y, zero, to_y, -to_x, zero, zero, zero, -one], axis=-1)
    turned = np.stack([tool_x, tool_y, np.cross(tool_x, tool_y)], axis=-1)
    return rotation_to(turned, np.swapaxes(wanted.reshape(turned.shape), -1, -2))


def _grasp_height(seen: Array) -> Array:
    return np.maximum(seen[..., cube.CUBE][..., 2], _LOWEST)


def _at_cube(seen: Array, fingers: Array) -> npt.NDArray[np.bool_]:
    """Whether the hand is where it may shut; less strict once it has begun to."""
    x, y, _ = np.moveaxis(seen[..., cube.TO_CUBE], -1, 0)
    z = _grasp_height(seen) - seen[..., cube.TOOL][..., 2]
    near = np.where(fingers < _CLOSING, _HOLD, _GRASP)
    return x * x + y * y + z * z < near * near


def _hover(to_cube: Array, turn: Array) -> Array:
    """How far above the cube the hand should be, the less it is in line with it [m]."""
    x, y, _ = np.moveaxis(to_cube, -1, 0)
    lateral = np.sqrt(x * x + y * y)
    a, b, c = np.moveaxis(turn, -1, 0)
    askew = np.sqrt(a * a + b * b + c * c)
    height = _HOVER_PER_LATERAL * np.maximum(lateral - _LATERAL_SLACK, 0.0)
    height += _HOVER_PER_TURN * np.maximum(askew - _TURN_SLACK, 0.0)
    return np.minimum(height, _HOVER)


def _away(seen: Array) -> Array:
    """(..., 3) from where the cube is held to where it goes [m]."""
    if seen.shape[-1] > cube.TO_GOAL.start:
        return seen[..., cube.TO_GOAL]
    up = np.zeros_like(seen[..., cube.TO_CUBE])
    up[..., 2] = _RISE - seen[..., cube.CUBE][..., 2]
    return up
