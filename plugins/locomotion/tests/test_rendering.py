"""Films of bodies, and what happens where there is no display or no OpenGL."""

import sys
from types import SimpleNamespace

import mujoco
import numpy as np
import pytest
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_mujoco import rendering
from hyperbench_mujoco.rendering import Painter

from hyperbench.errors import HyperbenchError
from hyperbench.rollout import rollout
from hyperbench.view.video import film


@pytest.fixture(scope="module")
def family():
    return LocomotionFamily("locomotion", "cheetah", ("speed",))


def test_the_episode_filmed_is_the_one_that_rollout_plays(family, tmp_path):
    task = family.task(speed=3)
    expert = family.expert([task])
    try:
        made = film(family, task, expert, 5, tmp_path / "film.mp4", fps=1)
    except HyperbenchError as error:
        pytest.skip(f"no OpenGL here: {error}")
    assert made.table.returns == rollout(family, [task], expert, np.array([[5]])).returns
    assert made.num_pictures == 11  # 1000 steps at 100 a second, and the start
    assert (tmp_path / "film.mp4").stat().st_size > 1000


def test_a_shadow_follows_the_body(family):
    model = family.body.model(family.body.nominal_length)
    try:
        painter = Painter(model, family.body.camera)
    except HyperbenchError as error:
        pytest.skip(f"no OpenGL here: {error}")
    start = mujoco.MjData(model).qpos.copy()
    far = start + 10 * np.eye(len(start))[0]  # in m along x, five pairs of tiles
    floors = [painter.paint(qpos)[270:].astype(int).sum(axis=-1) for qpos in (start, far)]
    painter.close()
    shadows = [(floor < 330).sum() for floor in floors]
    assert shadows[0] == pytest.approx(shadows[1], rel=0.1)
    assert shadows[0] > 100


def test_a_machine_without_opengl_is_told_what_to_install(family, monkeypatch):
    class Absent:
        def __init__(self, *size):
            raise RuntimeError("no device")

        def __del__(self):
            assert self._context is None  # as MuJoCo's look at it; pytest reports what is raised

    monkeypatch.setenv("MUJOCO_GL", "egl")  # so that the choice is not made anew
    monkeypatch.setattr(mujoco.gl_context, "GLContext", Absent, raising=False)
    env = family.make(family.tasks[0], "rgb_array")
    env.reset(seed=0)
    with pytest.raises(HyperbenchError, match=r"\(no device\)\. Install libegl1 or libosmesa6"):
        env.render()
    env.close()


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
