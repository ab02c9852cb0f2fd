"""Films of bodies, and the shadows they throw."""

import mujoco
import numpy as np
import pytest
from hyperbench_locomotion.families import LocomotionFamily

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
        painter = family.make(family.tasks[0]).make_painter()
    except HyperbenchError as error:
        pytest.skip(f"no OpenGL here: {error}")
    start = mujoco.MjData(model).qpos.copy()
    far = start + 10 * np.eye(len(start))[0]  # in m along x, five pairs of tiles
    floors = [painter.paint(qpos)[270:].astype(int).sum(axis=-1) for qpos in (start, far)]
    painter.close()
    shadows = [(floor < 330).sum() for floor in floors]
    assert shadows[0] == pytest.approx(shadows[1], rel=0.1)
    assert shadows[0] > 100
