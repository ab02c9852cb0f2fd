"""Many arms with a cube each, advancing together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from hyperbench_mujoco import mujoco

from hyperbench.vector import Observations, Seed, StreamedVectorEnv
from hyperbench_manipulation.arm.cube import CubeTask
from hyperbench_manipulation.arm.kinematics import Array, joint_steps
from hyperbench_manipulation.arm.links import JOINT_LIMITS, NUM_JOINTS
from hyperbench_manipulation.arm.model import OPEN, SHUT
from hyperbench_manipulation.arm.physics import ArmPhysics

Flags = npt.NDArray[np.bool_]

HORIZON = 100
"""Control steps of an episode. Published are 200, of which the scripted expert takes 24."""
ACTION_SPACE = spaces.Box(-1.0, 1.0, (7,), np.float32)
"""Translation and rotation of the hand in world axes, then the gripper: -1 shuts, 1 opens it."""
_REACH = np.array([0.05] * 3 + [0.2] * 3)
"""What an action of 1 asks for in one control step [m, rad]."""
_SUCCESS_REWARD = 0.5


class ArmVectorEnv(StreamedVectorEnv):
    """``num_envs`` arms, each with a model, a cube and a goal of its own.

    All episodes last ``HORIZON`` control steps and end by truncation; ``rollout`` ends them at
    success (``FamilyInfo.ends_at_success``).

    The reward of a step is the progress made in it (``CubeTask.progress``), and 0.5 at the first
    success. Up to there a perfect episode returns 1 less what its start was worth; standing still
    returns 0. Time is no part of it: how fast a policy is, the length of its episodes tells.

    Args:
        task: what is to be done with the cube.
        models: one compiled model per environment; the same object may appear many times.
        homes: (num_envs, num_joints) joint angles around which episodes start.
        num_threads: physics threads. Results do not depend on it.
    """

    def __init__(
        self,
        task: CubeTask,
        models: Sequence[mujoco.MjModel],
        homes: Sequence[Array],
        num_threads: int = 1,
    ) -> None:
        super().__init__(len(models), observation_space(task), ACTION_SPACE)
        self.task = task
        self.models = models
        self.physics = ArmPhysics(models, num_threads)
        self.goals: Array = np.zeros((self.num_envs, 3))
        self._homes = homes
        self._num_steps = np.zeros(self.num_envs, dtype=np.int64)
        self._progress: Array = np.zeros(self.num_envs)
        self._solved = np.zeros(self.num_envs, dtype=bool)

    def reset(
        self,
        *,
        seed: Seed = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: as of ``RandomStreams.reset``.
            options: likewise.

        Returns:
            (num_envs, obs_dim) observations and an empty dictionary.

        Raises:
            ValueError: the number of seeds or the shape of the mask does not fit.
        """
        for i, rng in self.streams.reset(seed, options).items():
            self._begin(i, rng)
        distances = self.task.distance(self.physics, self.goals)
        self._progress = self.task.progress(self.physics, distances)
        return self.observe(), {}

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Observations, Array, Flags, Flags, dict[str, Any]]:
        """Advance every environment by one control step.

        Args:
            actions: (num_envs, 7), clipped to the action space.

        Returns:
            Observations (num_envs, obs_dim), rewards (num_envs,), terminations (never), truncations
            (at the horizon) and ``success`` (num_envs,): whether the cube is there now.
        """
        self.physics.advance(self._control(np.clip(actions, -1.0, 1.0).astype(np.float64)))
        self._num_steps += 1
        distances = self.task.distance(self.physics, self.goals)
        progress = self.task.progress(self.physics, distances)
        success = self.task.success(distances)
        rewards = progress - self._progress + _SUCCESS_REWARD * (success & ~self._solved)
        self._progress = progress
        self._solved |= success
        terminations = np.zeros(self.num_envs, dtype=bool)
        truncations = self._num_steps >= HORIZON
        return self.observe(), rewards, terminations, truncations, {"success": success}

    def observe(self) -> Observations:
        """(num_envs, obs_dim) observations of the current states."""
        return self.task.observe(self.physics, self.goals).astype(np.float32)

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ARG002 - Gymnasium's signature
        """Stop the physics threads."""
        self.physics.close()

    def _control(self, actions: Array) -> Array:
        """(num_envs, nu): where joints and fingers are to go."""
        steps = joint_steps(self.physics.jacobian, actions[:, :6] * _REACH)
        angles = np.clip(self.physics.qpos[:, :NUM_JOINTS] + steps, *JOINT_LIMITS)
        finger = SHUT + (actions[:, 6:] + 1.0) * ((OPEN - SHUT) / 2)
        return np.concatenate([angles, finger, finger], axis=1)

    def _begin(self, index: int, rng: np.random.Generator) -> None:
        half_size = float(self.models[index].body("cube").pos[2])
        qpos, self.goals[index] = self.task.start(self._homes[index], half_size, rng)
        self.physics.place(index, qpos)
        self._num_steps[index] = 0
        self._solved[index] = False


def observation_space(task: CubeTask) -> spaces.Box:
    """The unbounded observation space of one environment."""
    return spaces.Box(-np.inf, np.inf, (task.observation_size,), np.float32)
