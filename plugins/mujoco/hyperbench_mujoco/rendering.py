"""Pictures of an environment, with or without a display."""

from __future__ import annotations

import copy
import importlib
import os
import sys
from contextlib import suppress
from ctypes.util import find_library

import mujoco
import numpy as np
import numpy.typing as npt

from hyperbench.errors import HyperbenchError

_SHADOW_SIZE = 1024
"""Width of the shadow map in points; with the 4096 of MuJoCo a CPU takes twice as long to draw."""


class _Renderer(mujoco.Renderer):
    """MuJoCo's; where there is no OpenGL it is deleted half made and looks for these."""

    _gl_context = None
    _mjr_context = None


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
        model = copy.copy(model)
        # A fixed light casts shadows near its place alone, and bodies run far.
        model.light_mode[:] = mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM
        model.vis.quality.shadowsize = _SHADOW_SIZE
        try:
            self._renderer = _Renderer(model, height, width)
        except Exception as error:  # each backend has errors of its own
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
    # display. Where neither is given only EGL and OSMesa can work, and as PyOpenGL is bound to
    # whichever is imported first, OSMesa cannot be tried once EGL has failed.
    if sys.platform == "linux" and not any(map(os.environ.get, ("MUJOCO_GL", "DISPLAY"))):
        only_osmesa = find_library("OSMesa") and not find_library("EGL")
        backend = "mujoco.osmesa" if only_osmesa else "mujoco.egl"
        # PyOpenGL without the library raises either; the renderer will say so.
        with suppress(ImportError, AttributeError):
            mujoco.gl_context.GLContext = importlib.import_module(backend).GLContext
    if hasattr(mujoco.gl_context, "GLContext"):
        mujoco.gl_context.GLContext._context = None  # deleted half made, it looks for this
