"""The point mass in a turned and mirrored frame of actions."""

import numpy as np
import pytest
from hyperbench_pointmass.environment import HORIZON
from hyperbench_pointmass.frame import GOAL, Frame

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


def test_every_frame_is_the_upright_one_turned():
    upright, mirrored = (
        FAMILY.task(angle=0.0, mirrored="no"),
        FAMILY.task(angle=0.0, mirrored="yes"),
    )
    rng = np.random.default_rng(0)
    forces = rng.uniform(-0.7, 0.7, (HORIZON, 1, 2))
    seen = []
    for task, asked in [
        (upright, forces),
        (mirrored, forces * (1, -1)),
        (FAMILY.task(angle=90.0, mirrored="no"), forces[..., ::-1] * (1, -1)),
    ]:
        env = FAMILY.make_vec([task])
        env.reset(seed=[0])
        seen.append([env.step(action)[0] for action in asked])
    np.testing.assert_allclose(seen[0], seen[1], rtol=1e-5)
    np.testing.assert_allclose(seen[0], seen[2], rtol=1e-5)


def test_the_goal_repels_a_mass_that_nothing_pushes():
    env = FAMILY.make_vec(FAMILY.tasks[:3])
    first, _ = env.reset(seed=[0, 1, 2])
    for _ in range(20):
        last = env.step(np.zeros((3, 2)))[0]
    distance = [np.hypot(*(each[:, :2] - GOAL).T) for each in (first, last)]
    assert (distance[1] > 3 * distance[0]).all()


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
            env = FAMILY.make_vec([task, task])
            env.reset(seed=[0, 0])
            pushed, let_be = env.step(np.concatenate([action, np.zeros((1, 2))]))[0]
            velocity = (pushed - let_be)[2:]
            np.testing.assert_allclose(velocity / np.abs(velocity).max(), way, atol=1e-6)


def test_the_expert_solves_every_task_and_one_that_is_36_degrees_away_none():
    right, success = play(FAMILY, FAMILY.tasks, FAMILY.expert(FAMILY.tasks))
    assert success.all()
    assert right.min() > 0.7
    for shift, share in [(4, 0.5), (5, 0.2), (20, 0.2)]:
        wrong, success = play(
            FAMILY, FAMILY.tasks, FAMILY.expert([*FAMILY.tasks[shift:], *FAMILY.tasks[:shift]])
        )
        assert wrong.mean() < share * right.mean()
        assert success.mean() < 0.1
