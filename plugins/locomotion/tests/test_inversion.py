"""The cheetah whose motors are inverted or stronger."""

import numpy as np
import pytest
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.inversion import SPEED, CheetahActuators

from hyperbench.rollout import episode_seeds, rollout
from hyperbench.testing import FAMILY_CHECKS

FAMILY = CheetahActuators()


@pytest.mark.thorough  # of the reward and experts that the locomotion families are checked with
@pytest.mark.parametrize("check", FAMILY_CHECKS, ids=lambda check: check.__name__)
def test_family_contract(check):
    check(FAMILY)


def test_a_task_can_do_what_the_plain_cheetah_can():
    """By symmetry, up to rounding: over a fifth of an episode it does not grow yet."""
    plain = LocomotionFamily("locomotion", "cheetah", ("speed", "length"))
    lengths = [task["length"] for task in FAMILY.tasks]
    tasks = [plain.task(speed=SPEED, length=length) for length in lengths]
    seeds = list(range(len(tasks)))
    rewards = []
    for family, played in ((plain, tasks), (FAMILY, FAMILY.tasks)):
        env, policies = family.make_vec(played), family.expert(played)
        observations, _ = env.reset(seed=seeds)
        total = np.zeros(len(tasks))
        for _ in range(200):
            observations, reward, *_ = env.step(policies.act(observations[:, None])[:, 0])
            total += reward
        rewards.append(total)
    np.testing.assert_allclose(*rewards, atol=0.5)


def test_the_experts_of_other_motors_fail():
    inverted = [task["motors"] == 1.0 for task in FAMILY.tasks]
    tasks = [task for task in FAMILY.tasks if task["gain"] == 1.0]
    swapped = [
        FAMILY.task(
            length=task["length"],
            motors="direct" if task["motors"] == 1.0 else "inverted",
            gain=task["gain"],
        )
        for task in tasks
    ]
    assert sum(inverted) == len(inverted) // 2
    seeds = episode_seeds(0, "inversion", tasks, 1)
    right = rollout(FAMILY, tasks, FAMILY.expert(tasks), seeds).returns
    wrong = rollout(FAMILY, tasks, FAMILY.expert(swapped), seeds).returns
    assert np.median(right) > 950
    assert np.median(wrong) < 200
