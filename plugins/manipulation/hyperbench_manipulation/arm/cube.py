"""The two tasks with the cube: starts, what is seen, progress, success."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperbench_manipulation.arm.kinematics import Array
from hyperbench_manipulation.arm.links import NUM_JOINTS
from hyperbench_manipulation.arm.model import OPEN
from hyperbench_manipulation.arm.physics import ArmPhysics

HOME = np.array([0.0, 0.0, 0.18])
"""Where the tool starts, before noise [m]; the origin is on the table, amid the workspace."""
_JOINT_NOISE = 0.02
_REGION = 0.1
_GOAL_HEIGHTS = (0.1, 0.3)
_LIFT_HEIGHT = 0.2
_GOAL_TOLERANCE = 0.025
_PROGRESS_DISTANCE = 0.4
"""From so far on, nearer is not better [m]."""
_CUBE = slice(NUM_JOINTS + 2, NUM_JOINTS + 5)

# Where things are in an observation; fingers and their speeds are two numbers each.
FINGERS = slice(7, 9)
FINGER_SPEEDS = slice(16, 18)
TOOL = slice(18, 21)
TOOL_X, TOOL_Y = slice(21, 24), slice(24, 27)
CUBE = slice(27, 30)
CUBE_QUATERNION = slice(30, 34)
TO_CUBE = slice(34, 37)
TO_GOAL = slice(37, 40)


@dataclass(frozen=True)
class CubeTask:
    """``lift``: raise the cube by 20 cm. ``pick``: bring its middle to a point in the air.

    Args:
        has_goal: whether there is such a point, a different one each episode, that is observed.
    """

    has_goal: bool

    @property
    def observation_size(self) -> int:
        """How many numbers are observed."""
        return TO_GOAL.stop if self.has_goal else TO_GOAL.start

    def start(self, home: Array, half_size: float, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draw the start of an episode.

        Args:
            home: (num_joints,) angles with the tool at ``HOME``.
            half_size: of the cube [m].
            rng: where the draws come from.

        Returns:
            Joint positions (nq,), and where the cube is to go, (3,): of ``lift`` only the height
            counts.
        """
        angles = home + rng.normal(0.0, _JOINT_NOISE, len(home))
        x, y = rng.uniform(-_REGION, _REGION, 2)
        # A cube looks the same after a quarter turn.
        half_yaw = rng.uniform(-np.pi / 8, np.pi / 8)
        cube = (x, y, half_size, np.cos(half_yaw), 0.0, 0.0, np.sin(half_yaw))
        goal = np.array([x, y, half_size + _LIFT_HEIGHT])
        if self.has_goal:
            goal[:2] = rng.uniform(-_REGION, _REGION, 2)
            goal[2] = rng.uniform(*_GOAL_HEIGHTS)
        return np.concatenate([angles, (OPEN, OPEN), cube]), goal

    def observe(self, physics: ArmPhysics, goals: Array) -> Array:
        """(num_envs, observation_size): see the module's slices; lengths in m, angles in rad.

        Joints and their speeds (9 each), the tool's position, two of its axes, the cube's position
        and quaternion, from the tool to the cube and, of ``pick``, from the cube to the goal.
        """
        cube = physics.qpos[:, _CUBE]
        parts = [
            physics.qpos[:, : FINGERS.stop],
            physics.qvel[:, : FINGERS.stop],
            physics.tool,
            physics.turn[:, :, 0],
            physics.turn[:, :, 1],
            physics.qpos[:, _CUBE.start :],
            cube - physics.tool,
        ]
        if self.has_goal:
            parts.append(goals - cube)
        return np.concatenate(parts, axis=1)

    def distance(self, physics: ArmPhysics, goals: Array) -> Array:
        """(num_envs,) how far the cube still has to go [m]."""
        missing = goals - physics.qpos[:, _CUBE]
        return _length(missing) if self.has_goal else np.maximum(missing[:, 2], 0.0)

    def success(self, distances: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether a cube that far from its goal has arrived: within 25 mm, or at the height."""
        return distances <= (_GOAL_TOLERANCE if self.has_goal else 0.0)

    def progress(self, physics: ArmPhysics, distances: Array) -> Array:
        """How near the tool is to the cube, and the cube to its goal, linear in both distances.

        Returns:
            (num_envs,) in [0, 0.5], where each counts for one half.
        """
        to_cube = _length(physics.qpos[:, _CUBE] - physics.tool)
        both = np.stack([to_cube, distances])
        near: Array = np.maximum(1.0 - both / _PROGRESS_DISTANCE, 0.0)
        return (near[0] + near[1]) / 4


def _length(vectors: Array) -> Array:
    """(n, 3) -> (n,); sums in a fixed order, so that neighbours change no digit."""
    x, y, z = vectors.T
    length: Array = np.sqrt(x * x + y * y + z * z)
    return length


CUBE_TASKS = {"lift": CubeTask(has_goal=False), "pick": CubeTask(has_goal=True)}
