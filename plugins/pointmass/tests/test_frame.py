"""The point mass in a turned and mirrored frame of actions."""

import numpy as np
import pytest
from hyperbench_pointmass.environment import HORIZON
from hyperbench_pointmass.family import GoalDrag
from hyperbench_pointmass.frame import DRAG, GOAL, Frame

from hyperbench.testing import FAMILY_CHECKS

FAMILY = Frame()


@pytest.mark.parametrize("check", FAMILY_CHECKS, ids=lambda check: check.__name__)
def test_family_contract(check):
    check(FAMILY)


def play(family, tasks, policies):
    env = family.make_vec(tasks)
    observations, _ = env.reset(seed=list(range(len(tasks))))
    rewards = []
    for _ in range(HORIZON):
        observations, reward, _, _, info = env.step(policies.act(observations[:, None])[:, 0])
        rewards.append(reward)
    return np.array(rewards).mean(axis=0), info["success"]


def test_the_upright_frame_is_the_plain_point_mass():
    upright = FAMILY.task(angle=0.0, mirrored="no")
    plain = GoalDrag().task(goal_x=GOAL[0], goal_y=GOAL[1], drag=DRAG)
    np.testing.assert_array_equal(
        play(FAMILY, [upright] * 5, FAMILY.expert([upright] * 5))[0],
        play(GoalDrag(), [plain] * 5, GoalDrag().expert([plain] * 5))[0],
    )


def test_an_action_pushes_where_the_frame_says():
    east, north = np.float32([[1, 0]]), np.float32([[0, 1]])
    for angle, mirrored, along, across in [
        (90.0, "no", (0, 1), (-1, 0)),
        (90.0, "yes", (0, 1), (1, 0)),
        (0.0, "yes", (1, 0), (0, -1)),
        (180.0, "no", (-1, 0), (0, -1)),
    ]:
        task = FAMILY.task(angle=angle, mirrored=mirrored)
        for action, way in ((east, along), (north, across)):
            env = FAMILY.make_vec([task])
            env.reset(seed=[0])
            velocity = env.step(action)[0][0, 2:]
            np.testing.assert_allclose(velocity / np.abs(velocity).max(), way, atol=1e-6)


def test_the_expert_solves_every_task_and_any_other_ones_fails():
    right, success = play(FAMILY, FAMILY.tasks, FAMILY.expert(FAMILY.tasks))
    assert success.all()
    assert right.min() > 0.7
    for shift in (5, 20):
        wrong, success = play(
            FAMILY, FAMILY.tasks, FAMILY.expert([*FAMILY.tasks[shift:], *FAMILY.tasks[:shift]])
        )
        assert wrong.mean() < 0.2 * right.mean()
        assert success.mean() < 0.1
