"""Pictures of Meta-World."""

import numpy as np
import pytest
from hyperbench_manipulation.sawyer.families import GoalFamily

from hyperbench.errors import HyperbenchError


@pytest.fixture
def family(world):
    family = GoalFamily("goal-window-open")
    family.world = world("window-open")
    return family


def first_picture(family, task):
    env = family.make(task, "rgb_array")
    env.reset(seed=0)
    try:
        picture = env.render()
    except HyperbenchError as error:
        pytest.skip(f"no OpenGL here: {error}")
    env.close()
    return picture.astype(int)


def test_the_furniture_is_where_the_task_says(family):
    one, other = (first_picture(family, family.task(object_x=x, object_y=0.8)) for x in (-0.1, 0.1))
    assert one.shape == (360, 480, 3)
    assert one.std() > 10, "the picture is empty"
    assert (np.abs(one - other).max(axis=2) > 20).mean() > 0.01


def test_render_mode_is_accepted_or_refused(family):
    env = family.make(family.tasks[0])
    assert env.render() is None
    env.close()
    with pytest.raises(ValueError, match="render_mode"):
        family.make(family.tasks[0], "human")


def test_time_passes_as_in_the_simulation(family):
    model = family.world.model
    env = family.make(family.tasks[0], "rgb_array")
    assert env.metadata["render_fps"] == pytest.approx(1 / (model.opt.timestep * 5))
    env.close()
