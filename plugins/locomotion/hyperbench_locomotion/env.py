"""One environment of one task, for people: step it, render it."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from hyperbench_locomotion.rendering import Painter
from hyperbench_locomotion.vector_env import LocomotionVectorEnv, Observations


class LocomotionEnv(gymnasium.Env[Observations, npt.NDArray[np.float32]]):
    """A vector environment of one, as a plain Gymnasium environment: same seed, same episode.

    Args:
        vector_env: the one environment that is played; closed with this one.
        render_mode: None or ``"rgb_array"``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - as in Gymnasium

    def __init__(self, vector_env: LocomotionVectorEnv, render_mode: str | None = None) -> None:
        if vector_env.num_envs != 1:
            raise ValueError(f"expected one environment, got {vector_env.num_envs}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode {render_mode!r} is neither None nor 'rgb_array'")
        self.render_mode = render_mode
        self.observation_space = vector_env.single_observation_space
        self.action_space = vector_env.single_action_space
        model = vector_env.physics.models[0]
        seconds = model.opt.timestep * vector_env.body.num_substeps
        self.metadata = {**self.metadata, "render_fps": round(1.0 / seconds)}
        self._vector_env = vector_env
        self._painter: Painter | None = None

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
        return observations[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), info

    def render(self) -> npt.NDArray[np.uint8] | None:
        if self.render_mode is None:
            return None
        if self._painter is None:
            vector_env = self._vector_env
            self._painter = Painter(vector_env.physics.models[0], vector_env.body.camera)
        return self._painter.paint(self._vector_env.physics.qpos[0])

    def close(self) -> None:
        if self._painter is not None:
            self._painter.close()
            self._painter = None
        self._vector_env.close()
