"""One of Meta-World's robots, for people: step it, render it."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from hyperbench.vector import SingleEnv
from hyperbench_manipulation.rendering import Canvas
from hyperbench_manipulation.sawyer.vector_env import SawyerVectorEnv

_LOOKED_AT = (0.0, 0.65, 0.12)
"""The middle of the workspace [m]."""


class SawyerEnv(SingleEnv):
    """One robot; arguments as of ``SingleEnv``."""

    metadata: dict[str, Any] = {**SingleEnv.metadata, "render_fps": 80}  # noqa: RUF012 - as in Gymnasium

    def __init__(self, vector_env: SawyerVectorEnv, render_mode: str | None = None) -> None:
        super().__init__(vector_env, render_mode)
        self._simulated = vector_env
        self._canvas: Canvas | None = None

    def draw(self) -> npt.NDArray[np.uint8]:
        physics = self._simulated.physics
        if self._canvas is None:
            self._canvas = Canvas(self._simulated.world.model, _camera())
        [start] = physics.starts
        if start is not None:
            self._canvas.model.body_pos[:] = start.body_pos
            self._canvas.model.site_pos[:] = start.site_pos
        return self._canvas.draw(physics.qpos[0])

    def close(self) -> None:
        if self._canvas is not None:
            self._canvas.close()
            self._canvas = None
        super().close()


def _camera() -> mujoco.MjvCamera:
    """Look over the robot's shoulder; Meta-World's own cameras stand on their heads."""
    camera = mujoco.MjvCamera()
    camera.lookat[:] = _LOOKED_AT
    camera.distance, camera.azimuth, camera.elevation = 1.3, 145.0, -25.0
    return camera
