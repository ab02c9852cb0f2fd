"""The point mass: all masses in one set of arrays, and a Gymnasium ``Env`` that is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from hyperbench.task import FloatArray, TaskSpec

HORIZON = 60
"""Control steps per episode."""
TIMESTEP = 0.1
"""Seconds per control step."""
FORCE = 3.0
"""Acceleration at full action, in m/s^2."""
START_RANGE = 0.5
"""Episodes start at rest, anywhere in [-START_RANGE, START_RANGE]^2, in m."""
REWARD_DISTANCE = 0.2
"""Distance to the goal at which the reward is one half, in m."""
SUCCESS_DISTANCE = 0.05
"""Nearer to the goal than this is success, in m."""

OBSERVATION_SPACE = spaces.Box(-np.inf, np.inf, (4,), np.float32)
"""Position x, y in m; velocity x, y in m/s."""
ACTION_SPACE = spaces.Box(-1.0, 1.0, (2,), np.float32)
"""Force along x and y, as a share of FORCE."""

Array = npt.NDArray[Any]


class PointMassVectorEnv(VectorEnv[FloatArray, Array, Array]):
    """``len(tasks)`` point masses, one task each, advancing together.

    Episodes last HORIZON steps and end by truncation. There is no automatic reset: reset the masses
    you need with ``options={"reset_mask": mask}``.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012 -- Gymnasium's own declaration

    def __init__(self, tasks: Sequence[TaskSpec]) -> None:
        self.num_envs = len(tasks)
        self.single_observation_space, self.single_action_space = OBSERVATION_SPACE, ACTION_SPACE
        self.observation_space = batch_space(OBSERVATION_SPACE, self.num_envs)
        self.action_space = batch_space(ACTION_SPACE, self.num_envs)
        self.goal = np.array([(task["goal_x"], task["goal_y"]) for task in tasks])  # (num_envs, 2)
        self.drag = np.array([[task["drag"]] for task in tasks])  # (num_envs, 1)
        self.position = np.zeros((self.num_envs, 2))
        self.velocity = np.zeros((self.num_envs, 2))
        self._num_steps = np.zeros(self.num_envs, dtype=np.int64)
        self._rngs = [np.random.default_rng() for _ in tasks]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[FloatArray, dict[str, Any]]:
        """Start new episodes; one seed each, or one number that counts up, or none."""
        if seed is None or isinstance(seed, int):
            seed = [None if seed is None else seed + i for i in range(self.num_envs)]
        mask = (options or {}).get("reset_mask", np.ones(self.num_envs, dtype=bool))
        for i in np.flatnonzero(mask).tolist():
            if seed[i] is not None:
                self._rngs[i] = np.random.default_rng(seed[i])
            self.position[i] = self._rngs[i].uniform(-START_RANGE, START_RANGE, 2)
        self.velocity[mask] = 0.0
        self._num_steps[mask] = 0
        return self._observe(), {}

    def step(
        self, actions: Array
    ) -> tuple[FloatArray, Array, npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Advance every mass by TIMESTEP; actions (num_envs, 2)."""
        force = np.clip(actions, -1.0, 1.0).astype(np.float64) * FORCE
        self.velocity += TIMESTEP * (force - self.drag * self.velocity)
        self.position += TIMESTEP * self.velocity
        self._num_steps += 1
        offset = self.goal - self.position
        # No exp: its last digit may depend on a mass's place in the array, and a reward must not.
        squared_distance = offset[:, 0] * offset[:, 0] + offset[:, 1] * offset[:, 1]
        rewards = 1.0 / (1.0 + squared_distance / REWARD_DISTANCE**2)
        truncated = self._num_steps >= HORIZON
        info = {"success": squared_distance < SUCCESS_DISTANCE**2}
        return self._observe(), rewards, np.zeros_like(truncated), truncated, info

    def _observe(self) -> FloatArray:
        return np.concatenate([self.position, self.velocity], axis=1, dtype=np.float32)


class PointMassEnv(gymnasium.Env[FloatArray, Array]):
    """A vector environment of one, for people to step and look at."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": round(1 / TIMESTEP)}  # noqa: RUF012 -- Gymnasium's own declaration
    observation_space = OBSERVATION_SPACE
    action_space = ACTION_SPACE

    def __init__(self, task: TaskSpec, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self._masses = PointMassVectorEnv([task])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        observations, info = self._masses.reset(seed=[seed])
        return observations[0], info

    def step(self, action: Array) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        observations, rewards, terminated, truncated, info = self._masses.step(action[None])
        success = {name: bool(value[0]) for name, value in info.items()}
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), success

    def render(self) -> npt.NDArray[np.uint8] | None:
        """Draw [-1.5, 1.5]^2 m, lined every 0.5 m, on (300, 300, 3): green goal, blue mass."""
        if self.render_mode != "rgb_array":
            return None
        image = np.full((300, 300, 3), 255, dtype=np.uint8)
        x, y = np.meshgrid(np.linspace(-1.5, 1.5, 300), np.linspace(1.5, -1.5, 300))
        from_line = np.minimum(abs(x - np.round(2 * x) / 2), abs(y - np.round(2 * y) / 2))
        image[from_line < 0.005] = 225
        for center, radius, color in (
            (self._masses.goal[0], 0.1, (80, 180, 80)),
            (self._masses.position[0], 0.06, (40, 80, 200)),
        ):
            image[np.hypot(x - center[0], y - center[1]) < radius] = color
        return image
