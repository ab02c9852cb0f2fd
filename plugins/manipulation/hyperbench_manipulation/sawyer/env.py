"""One of Meta-World's robots, for people: step it, render it."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np
import numpy.typing as npt

from hyperbench_manipulation.rendering import Canvas
from hyperbench_manipulation.sawyer.vector_env import Observations, SawyerVectorEnv

_LOOKED_AT = (0.0, 0.65, 0.12)
"""The middle of the workspace [m]."""


class SawyerEnv(gymnasium.Env[Observations, npt.NDArray[np.float32]]):
    """A vector environment of one, as a plain Gymnasium environment: same seed, same episode.

    Args:
        vector_env: the one environment that is played; closed with this one.
        render_mode: None or ``"rgb_array"``.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as in Gymnasium
        "render_modes": ["rgb_array"],
        "render_fps": 80,
    }

    def __init__(self, vector_env: SawyerVectorEnv, render_mode: str | None = None) -> None:
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
        observations, infos = self._vector_env.reset()
        return observations[0], _first(infos)

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        observations, rewards, terminated, truncated, infos = self._vector_env.step(
            np.asarray(action)[None]
        )
        return (
            observations[0],
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            _first(infos),
        )

    def render(self) -> npt.NDArray[np.uint8] | None:
        if self.render_mode is None:
            return None
        physics = self._vector_env.physics
        if self._canvas is None:
            self._canvas = Canvas(self._vector_env.world.model, _camera())
        [start] = physics.starts
        if start is not None:
            self._canvas.model.body_pos[:] = start.body_pos
            self._canvas.model.site_pos[:] = start.site_pos
        return self._canvas.draw(physics.qpos[0])

    def close(self) -> None:
        if self._canvas is not None:
            self._canvas.close()
            self._canvas = None
        self._vector_env.close()


def _camera() -> mujoco.MjvCamera:
    """Look over the robot's shoulder; Meta-World's own cameras stand on their heads."""
    camera = mujoco.MjvCamera()
    camera.lookat[:] = _LOOKED_AT
    camera.distance, camera.azimuth, camera.elevation = 1.3, 145.0, -25.0
    return camera


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    return {name: values[0] for name, values in infos.items()}
