"""One environment of one task, for people: step it, render it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hyperbench_mujoco.rendering import Painter

from hyperbench.vector import SingleEnv
from hyperbench_locomotion.vector_env import LocomotionVectorEnv


class LocomotionEnv(SingleEnv):
    """One body; arguments as of ``SingleEnv``."""

    def __init__(self, vector_env: LocomotionVectorEnv, render_mode: str | None = None) -> None:
        super().__init__(vector_env, render_mode)
        model = vector_env.physics.models[0]
        seconds = model.opt.timestep * vector_env.body.num_substeps
        self.metadata = {**self.metadata, "render_fps": round(1.0 / seconds)}
        self._simulated = vector_env
        self._painter: Painter | None = None

    def draw(self) -> npt.NDArray[np.uint8]:
        physics = self._simulated.physics
        if self._painter is None:
            self._painter = Painter(physics.models[0], self._simulated.body.camera)
        return self._painter.paint(physics.qpos[0])

    def close(self) -> None:
        if self._painter is not None:
            self._painter.close()
            self._painter = None
        super().close()
