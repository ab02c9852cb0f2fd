"""One arm, for people: step it, render it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from hyperbench_manipulation.arm.model import CAMERA, NUM_SUBSTEPS, TIMESTEP
from hyperbench_manipulation.arm.vector_env import ArmVectorEnv, Observations
from hyperbench_manipulation.rendering import Canvas


class ArmEnv(gymnasium.Env[Observations, npt.NDArray[np.float32]]):
    """A vector environment of one, as a plain Gymnasium environment: same seed, same episode.

    Args:
        vector_env: the one environment that is played; closed with this one.
        render_mode: None or ``"rgb_array"``.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as in Gymnasium
        "render_modes": ["rgb_array"],
        "render_fps": round(1.0 / (TIMESTEP * NUM_SUBSTEPS)),
    }

    def __init__(self, vector_env: ArmVectorEnv, render_mode: str | None = None) -> None:
        if vector_env.num_envs != 1:
            raise ValueError(f"expected one environment, got {vector_env.num_envs}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode {render_mode!r} is neither None nor 'rgb_array'")
        self.render_mode = render_mode
        self.observation_space = vector_env.single_observation_space
        self.action_space = vector_env.single_action_space
        self._vector_env = vector_env
        self._canvas: Canvas | None = None

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 - Gymnasium's signature
    ) -> tuple[Observations, dict[str, Any]]:
        super().reset(seed=seed)
        self._vector_env.rngs = [self.np_random]
        observations, info = self._vector_env.reset()
        return observations[0], info

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        observations, rewards, terminated, truncated, info = self._vector_env.step(
            np.asarray(action)[None]
        )
        success = {"success": bool(info["success"][0])}
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), success

    def render(self) -> npt.NDArray[np.uint8] | None:
        if self.render_mode is None:
            return None
        vector_env = self._vector_env
        if self._canvas is None:
            self._canvas = Canvas(vector_env.models[0], CAMERA)
        if vector_env.task.has_goal:
            self._canvas.model.site("goal").pos = vector_env.goals[0]
        return self._canvas.draw(vector_env.physics.qpos[0])

    def close(self) -> None:
        if self._canvas is not None:
            self._canvas.close()
            self._canvas = None
        self._vector_env.close()
