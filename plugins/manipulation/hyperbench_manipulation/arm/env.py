"""One arm, for people: step it, render it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hyperbench.vector import SingleEnv
from hyperbench_manipulation.arm.model import CAMERA, NUM_SUBSTEPS, TIMESTEP
from hyperbench_manipulation.arm.vector_env import ArmVectorEnv
from hyperbench_manipulation.rendering import Canvas


class ArmEnv(SingleEnv):
    """One arm; arguments as of ``SingleEnv``."""

    metadata: dict[str, Any] = {  # noqa: RUF012 - as in Gymnasium
        **SingleEnv.metadata,
        "render_fps": round(1.0 / (TIMESTEP * NUM_SUBSTEPS)),
    }

    def __init__(self, vector_env: ArmVectorEnv, render_mode: str | None = None) -> None:
        super().__init__(vector_env, render_mode)
        self._simulated = vector_env
        self._canvas: Canvas | None = None

    def draw(self) -> npt.NDArray[np.uint8]:
        simulated = self._simulated
        if self._canvas is None:
            self._canvas = Canvas(simulated.models[0], CAMERA)
        if simulated.task.has_goal:
            self._canvas.model.site("goal").pos = simulated.goals[0]
        return self._canvas.draw(simulated.physics.qpos[0])

    def close(self) -> None:
        if self._canvas is not None:
            self._canvas.close()
            self._canvas = None
        super().close()
