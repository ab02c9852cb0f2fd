"""One of Meta-World's robots, for people: step it, render it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hyperbench_mujoco import mujoco
from hyperbench_mujoco.rendering import PaintedEnv, Painter

from hyperbench_manipulation.sawyer.vector_env import SawyerVectorEnv

_LOOKED_AT = (0.0, 0.65, 0.12)
"""The middle of the workspace [m]."""


class SawyerEnv(PaintedEnv):
    """One robot; arguments as of ``SingleEnv``."""

    metadata: dict[str, Any] = {**PaintedEnv.metadata, "render_fps": 80}  # noqa: RUF012 - as in Gymnasium

    def __init__(self, vector_env: SawyerVectorEnv, render_mode: str | None = None) -> None:
        super().__init__(vector_env, render_mode)
        self._simulated = vector_env

    def make_painter(self) -> Painter:
        return Painter(self._simulated.world.model, _camera())

    def paint(self, painter: Painter) -> npt.NDArray[np.uint8]:
        physics = self._simulated.physics
        [start] = physics.starts
        if start is not None:
            painter.model.body_pos[:] = start.body_pos
            painter.model.site_pos[:] = start.site_pos
        return painter.paint(physics.qpos[0])


def _camera() -> mujoco.MjvCamera:
    """Look over the robot's shoulder; Meta-World's own cameras stand on their heads."""
    camera = mujoco.MjvCamera()
    camera.lookat[:] = _LOOKED_AT
    camera.distance, camera.azimuth, camera.elevation = 1.3, 145.0, -25.0
    return camera
