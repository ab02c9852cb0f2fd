"""Pictures of an environment, with or without a display."""

from __future__ import annotations

import os
import sys

import mujoco
import numpy as np
import numpy.typing as npt

from hyperbench.errors import HyperbenchError


class Painter:
    """Draws one model; owned by the environment that asked for pictures.

    Args:
        model: what is drawn.
        camera: name of the model's camera to look through.
        width: in pixels.
        height: in pixels.

    Raises:
        HyperbenchError: this machine offers no OpenGL.
    """

    def __init__(
        self, model: mujoco.MjModel, camera: str, width: int = 480, height: int = 360
    ) -> None:
        _choose_backend()
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except (ImportError, RuntimeError, AttributeError, mujoco.FatalError) as error:
            raise HyperbenchError(
                f"Cannot draw: OpenGL is not available ({error}). Install libegl1 or libosmesa6, "
                "and choose between them with the environment variable MUJOCO_GL=egl or osmesa."
            ) from error
        self._model = model
        self._data = mujoco.MjData(model)
        self._camera = camera

    def paint(self, qpos: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        """Draw joint positions (nq,) as (height, width, 3) RGB."""
        self._data.qpos[:] = qpos
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, self._camera)
        picture: npt.NDArray[np.uint8] = self._renderer.render()
        return picture

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


def _choose_backend() -> None:
    # MuJoCo chose its OpenGL backend when it was imported: by MUJOCO_GL, else GLFW, which needs a
    # display. Where neither is given EGL is the only choice that can work.
    if sys.platform == "linux" and not ({"MUJOCO_GL", "DISPLAY"} & os.environ.keys()):
        try:
            from mujoco.egl import GLContext
        except (ImportError, AttributeError):  # PyOpenGL without libEGL raises either
            return
        mujoco.gl_context.GLContext = GLContext
