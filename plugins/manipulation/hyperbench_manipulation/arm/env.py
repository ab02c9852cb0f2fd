"""One arm, for people: step it, render it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hyperbench_mujoco.rendering import PaintedEnv, Painter

from hyperbench_manipulation.arm.model import CAMERA, NUM_SUBSTEPS, TIMESTEP
from hyperbench_manipulation.arm.vector_env import ArmVectorEnv


class ArmEnv(PaintedEnv):
    """One arm; arguments as of ``SingleEnv``."""

    metadata: dict[str, Any] = {  # noqa: RUF012 - as in Gymnasium
        **PaintedEnv.metadata,
        "render_fps": round(1.0 / (TIMESTEP * NUM_SUBSTEPS)),
    }

    def __init__(self, vector_env: ArmVectorEnv, render_mode: str | None = None) -> None:
        super().__init__(vector_env, render_mode)
        self._simulated = vector_env

    def make_painter(self) -> Painter:
        return Painter(self._simulated.models[0], CAMERA)

    def paint(self, painter: Painter) -> npt.NDArray[np.uint8]:
        simulated = self._simulated
        if simulated.task.has_goal:
            painter.model.site("goal").pos = simulated.goals[0]
        return painter.paint(simulated.physics.qpos[0])
