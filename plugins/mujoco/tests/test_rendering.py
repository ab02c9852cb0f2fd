"""Pictures of a ball, and what happens where there is no display or no OpenGL."""

import sys
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from gymnasium import spaces
from hyperbench_mujoco import rendering
from hyperbench_mujoco.rendering import PaintedEnv, Painter

from hyperbench.errors import HyperbenchError
from hyperbench.vector import StreamedVectorEnv

XML = """
<mujoco>
  <worldbody>
    <light pos="0 0 3" dir="0 0 -1"/>
    <geom type="plane" size="20 20 1" rgba="0.8 0.8 0.8 1"/>
    <site name="mark" pos="0.5 0 0.1" size="0.1" rgba="0 1 0 1"/>
    <camera name="above" pos="0 0 4"/>
    <body pos="0 0 0.3"><joint type="slide" axis="1 0 0"/><geom size="0.2" rgba="1 0 0 1"/></body>
  </worldbody>
</mujoco>
"""


@pytest.fixture(scope="module")
def model():
    return mujoco.MjModel.from_xml_string(XML)


@pytest.fixture
def make_painter(model):
    """Make a painter of the ball; closed with the test, which is skipped without OpenGL."""
    painters = []

    def make(camera="above", **arguments):
        try:
            painters.append(Painter(model, camera, **arguments))
        except HyperbenchError as error:
            pytest.skip(f"no OpenGL here: {error}")
        return painters[-1]

    yield make
    for painter in painters:
        painter.close()


@pytest.fixture
def no_opengl(monkeypatch):
    class Absent:
        def __init__(self, *size):
            raise RuntimeError("no device")

        def __del__(self):
            assert self._context is None  # as MuJoCo's look at it; pytest reports what is raised

    monkeypatch.setenv("MUJOCO_GL", "egl")  # so that the choice is not made anew
    monkeypatch.setattr(mujoco.gl_context, "GLContext", Absent, raising=False)


def test_a_machine_without_opengl_is_told_what_to_install(model, no_opengl):
    with pytest.raises(HyperbenchError, match=r"\(no device\)\. Install libegl1 or libosmesa6"):
        Painter(model, "above")


class BallEnv(PaintedEnv):
    """The ball where it is compiled; it is only looked at."""

    def __init__(self, model):
        space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        super().__init__(StreamedVectorEnv(1, space, space), "rgb_array")
        self.model = model
        self.num_painters = 0

    def make_painter(self):
        self.num_painters += 1
        return Painter(self.model, "above")

    def paint(self, painter):
        return painter.paint(np.zeros(1))


def test_an_environment_makes_its_painter_for_the_first_picture(model):
    env = BallEnv(model)
    assert env.num_painters == 0
    try:
        pictures = [env.render(), env.render()]
    except HyperbenchError as error:
        pytest.skip(f"no OpenGL here: {error}")
    assert env.num_painters == 1
    assert pictures[0].shape == (360, 480, 3)
    np.testing.assert_array_equal(*pictures)
    env.close()
    env.close()


def test_an_environment_that_cannot_be_painted_can_be_closed(model, no_opengl):
    env = BallEnv(model)
    with pytest.raises(HyperbenchError, match="Cannot draw"):
        env.render()
    env.close()


def test_marks_move_in_the_painters_copy_alone(model, make_painter):
    painter = make_painter(width=64, height=48)
    first = painter.paint(np.zeros(1)).astype(int)
    painter.model.site("mark").pos = (-0.5, 0, 0.1)
    second = painter.paint(np.zeros(1)).astype(int)
    for picture, side in ((first, slice(32, None)), (second, slice(32))):
        green = picture[..., 1] - picture[..., 0] > 60
        assert green.any()
        assert green[:, side].sum() == green.sum()
    assert model.site("mark").pos[0] == 0.5


def test_lights_and_shadows_are_the_models_own_unless_told(model, make_painter):
    own, told = make_painter(), make_painter(lights_follow=True, shadow_size=256)
    assert (own.model.light_mode == model.light_mode).all()
    assert own.model.vis.quality.shadowsize == model.vis.quality.shadowsize
    assert told.model.vis.quality.shadowsize == 256
    assert (told.model.light_mode == mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM).all()
    assert (model.light_mode != mujoco.mjtCamLight.mjCAMLIGHT_TRACKCOM).all()


def test_a_free_camera_looks_where_it_is_told(make_painter):
    camera = mujoco.MjvCamera()
    camera.lookat[:], camera.distance, camera.elevation = (0, 0, 0), 4.0, -90.0
    near = make_painter(camera).paint(np.zeros(1)).astype(int)
    camera.distance = 8.0
    far = make_painter(camera).paint(np.zeros(1)).astype(int)
    reds = [(picture[..., 0] - picture[..., 1] > 60).sum() for picture in (near, far)]
    assert reds[0] > 3 * reds[1] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MuJoCo needs no choice")
@pytest.mark.parametrize(
    ("libraries", "environment", "chosen"),
    [
        ({"EGL", "OSMesa"}, {}, "egl"),
        ({"OSMesa"}, {}, "osmesa"),
        (set(), {}, "egl"),
        ({"EGL"}, {"DISPLAY": "", "MUJOCO_GL": ""}, "egl"),
        ({"EGL"}, {"DISPLAY": ":0"}, "before"),
        ({"EGL"}, {"MUJOCO_GL": "glfw"}, "before"),
    ],
)
def test_the_backend_without_a_display(monkeypatch, libraries, environment, chosen):
    contexts = {name: type(name, (), {}) for name in ("egl", "osmesa", "before")}
    for name in ("egl", "osmesa"):
        module = SimpleNamespace(GLContext=contexts[name])
        monkeypatch.setitem(sys.modules, f"mujoco.{name}", module)
    for name in ("DISPLAY", "MUJOCO_GL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(rendering, "find_library", lambda name: name if name in libraries else None)
    monkeypatch.setattr(mujoco.gl_context, "GLContext", contexts["before"], raising=False)
    rendering._choose_backend()
    assert mujoco.gl_context.GLContext is contexts[chosen]
