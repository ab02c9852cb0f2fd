"""One environment of one task, for people: step it, render it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hyperbench_mujoco.rendering import PaintedEnv, Painter

from hyperbench_locomotion.vector_env import LocomotionVectorEnv

_SHADOW_SIZE = 1024
"""Width of the shadow map in points; with the 4096 of MuJoCo a CPU takes twice as long to draw."""


class LocomotionEnv(PaintedEnv):
    """One body; arguments as of ``SingleEnv``."""

    def __init__(self, vector_env: LocomotionVectorEnv, render_mode: str | None = None) -> None:
        super().__init__(vector_env, render_mode)
        model = vector_env.physics.models[0]
        seconds = model.opt.timestep * vector_env.body.num_substeps
        self.metadata = {**self.metadata, "render_fps": round(1.0 / seconds)}
        self._simulated = vector_env

    def make_painter(self) -> Painter:
        model, camera = self._simulated.physics.models[0], self._simulated.body.camera
        # A fixed light casts shadows near its place alone, and bodies run far.
        return Painter(model, camera, lights_follow=True, shadow_size=_SHADOW_SIZE)

    def paint(self, painter: Painter) -> npt.NDArray[np.uint8]:
        return painter.paint(self._simulated.physics.qpos[0])
