"""The point mass: all masses in one set of arrays, and a Gymnasium ``Env`` that is one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from hyperbench.task import TaskSpec
from hyperbench.vector import Observations, Seed, SingleEnv, StreamedVectorEnv

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
Flags = npt.NDArray[np.bool_]


class PointMassVectorEnv(StreamedVectorEnv):
    """``len(tasks)`` point masses, one task each, advancing together.

    All episodes last HORIZON steps and end by truncation.

    Args:
        tasks: what each mass is given to do; a task may occur many times.
    """

    def __init__(self, tasks: Sequence[TaskSpec]) -> None:
        super().__init__(len(tasks), OBSERVATION_SPACE, ACTION_SPACE)
        self.goal = np.array([(task["goal_x"], task["goal_y"]) for task in tasks])  # (num_envs, 2)
        self.drag = np.array([[task["drag"]] for task in tasks])  # (num_envs, 1)
        self.position = np.zeros((self.num_envs, 2))
        self.velocity = np.zeros((self.num_envs, 2))
        self._num_steps = np.zeros(self.num_envs, dtype=np.int64)

    def reset(
        self, *, seed: Seed = None, options: dict[str, Any] | None = None
    ) -> tuple[Observations, dict[str, Any]]:
        """Start new episodes; arguments and errors as of ``RandomStreams.reset``."""
        for i, rng in self.streams.reset(seed, options).items():
            self.position[i] = rng.uniform(-START_RANGE, START_RANGE, 2)
            self.velocity[i] = 0.0
            self._num_steps[i] = 0
        return self._observe(), {}

    def step(self, actions: Array) -> tuple[Observations, Array, Flags, Flags, dict[str, Any]]:
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

    def _observe(self) -> Observations:
        return np.concatenate([self.position, self.velocity], axis=1, dtype=np.float32)


class PointMassEnv(SingleEnv):
    """One mass, for people to step and look at; arguments as of ``SingleEnv``."""

    metadata: dict[str, Any] = {**SingleEnv.metadata, "render_fps": round(1 / TIMESTEP)}  # noqa: RUF012 -- Gymnasium's own declaration

    def __init__(self, masses: PointMassVectorEnv, render_mode: str | None = None) -> None:
        super().__init__(masses, render_mode)
        self._masses = masses

    def draw(self) -> npt.NDArray[np.uint8]:
        """Draw [-1.5, 1.5]^2 m, lined every 0.5 m, on (300, 300, 3): green goal, blue mass."""
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
