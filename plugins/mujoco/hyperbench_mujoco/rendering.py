"""Pictures of a simulation, with or without a display."""

from __future__ import annotations

import copy
import importlib
import os
import sys
from abc import abstractmethod
from contextlib import suppress
from ctypes.util import find_library

import numpy as np
import numpy.typing as npt

from hyperbench.errors import HyperbenchError, one_line
from hyperbench.vector import SingleEnv
from hyperbench_mujoco import mujoco, why_not_drawn

Picture = npt.NDArray[np.uint8]


class _Renderer(mujoco.Renderer):
    """MuJoCo's; where there is no OpenGL it is deleted half made and looks for these."""

    _gl_context = None
    _mjr_context = None


class Painter:
    """Draws states of one model; owned by the environment that asked for pictures.

    Args:
        model: what is drawn; copied.
        camera: name of the model's camera to look through, or a free one.
        width: in pixels.
        height: in pixels.
        lights_follow: whether lights, and with them shadows, follow what moves.
        shadow_size: width of the shadow map in points; None is the model's own.

    Attributes:
        model: the copy, in which marks and furniture may be moved.

    Raises:
        HyperbenchError: this machine offers no OpenGL.
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        camera: str | mujoco.MjvCamera,
        width: int = 480,
        height: int = 360,
        *,
        lights_follow: bool = False,
        shadow_size: int | None = None,
    ) -> None:
        _choose_backend()
        self.model = copy.copy(model)
        if lights_follow:
            self.model.light_mode[:] = mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM
        if shadow_size is not None:
            self.model.vis.quality.shadowsize = shadow_size
        try:
            self._renderer = _Renderer(self.model, height, width)
        except Exception as error:  # each backend has errors of its own
            raise HyperbenchError(
                f"Cannot draw: OpenGL is not available ({error}). Install libegl1 or libosmesa6, "
                "and choose between them with the environment variable MUJOCO_GL=egl or osmesa."
            ) from error
        self._data = mujoco.MjData(self.model)
        self._camera = camera

    def paint(self, qpos: npt.NDArray[np.float64]) -> Picture:
        """Draw joint positions (nq,) as (height, width, 3) RGB."""
        self._data.qpos[:] = qpos
        mujoco.mj_forward(self.model, self._data)
        self._renderer.update_scene(self._data, self._camera)
        picture: Picture = self._renderer.render()
        return picture

    def close(self) -> None:
        """Free the OpenGL context."""
        self._renderer.close()


class PaintedEnv(SingleEnv):
    """One environment of a world on MuJoCo; its painter is made for the first picture.

    Arguments as of ``SingleEnv``.
    """

    _painter: Painter | None = None

    @abstractmethod
    def make_painter(self) -> Painter:
        """Make what draws this environment; called by ``draw``, which keeps and closes it."""

    @abstractmethod
    def paint(self, painter: Painter) -> Picture:
        """Draw the present state with what ``make_painter`` made: (height, width, 3) RGB."""

    def draw(self) -> Picture:
        if self._painter is None:
            self._painter = self.make_painter()
        return self.paint(self._painter)

    def close(self) -> None:
        if self._painter is not None:
            self._painter.close()
            self._painter = None
        super().close()


def _choose_backend() -> None:
    if why_not_drawn is not None:
        raise HyperbenchError(
            f"Cannot draw: MuJoCo cannot be used with MUJOCO_GL={os.environ.get('MUJOCO_GL')} "
            f"({one_line(why_not_drawn)}). Set MUJOCO_GL to egl or osmesa, and install its "
            "library, libegl1 or libosmesa6."
        )
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
