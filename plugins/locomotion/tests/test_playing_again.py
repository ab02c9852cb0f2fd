"""What verification relies on: tasks may be played alone and on any threads, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.plugin import FAMILIES

from hyperbench.arms import play_arm
from hyperbench.policy import MLPPolicies
from hyperbench.protocol import QUICK
from hyperbench.rollout import episode_seeds, rollout

NUM_STEPS = 40
WIDTH = 256


@pytest.fixture(scope="module")
def family() -> LocomotionFamily:
    [entry] = [entry for entry in FAMILIES if entry.id == "locomotion/cheetah-speed-v1"]
    made = LocomotionFamily(**entry.arguments)
    made.info = replace(made.info, horizon=NUM_STEPS)
    return made


def generated(family: LocomotionFamily, num_tasks: int) -> MLPPolicies:
    """Policies of the size that methods generate, with random weights."""
    rng = np.random.default_rng(0)
    widths = (family.observation_space.shape[0], WIDTH, family.action_space.shape[0])
    shapes = list(pairwise(widths))
    return MLPPolicies(
        tuple(rng.normal(size=(num_tasks, *s)).astype(np.float32) / s[0] ** 0.5 for s in shapes),
        tuple(rng.normal(size=(num_tasks, n)).astype(np.float32) for _, n in shapes),
        np.zeros(widths[0], np.float32),
        np.ones(widths[0], np.float32),
        family.action_space.low,
        family.action_space.high,
    )


@pytest.mark.parametrize("num_episodes", [4, 10])
def test_some_tasks_play_as_they_did_among_others(family, num_episodes) -> None:
    tasks = family.tasks[::8]
    policies = generated(family, len(tasks))
    seeds = episode_seeds(0, "test", tasks, num_episodes)
    whole = rollout(family, tasks, policies, seeds)
    assert len(set(whole.returns.ravel())) == whole.returns.size
    for chosen in ([3], [0, 4], [2, 1, 4]):
        some = [tasks[i] for i in chosen]
        again = rollout(family, some, policies.take(chosen), seeds[chosen], num_threads=2)
        np.testing.assert_array_equal(again.returns, whole.returns[chosen])


def test_some_tasks_of_an_arm_play_as_they_did_among_others(family) -> None:
    split = QUICK.split(family, 0)
    seeds = episode_seeds(0, "test", split.target, 2)
    chosen = [1, len(split.target) - 2]
    some = replace(split, target=tuple(split.target[i] for i in chosen))
    for arm in ("random", "nearest-expert"):
        whole, _ = play_arm(arm, family, split, seeds)
        again, _ = play_arm(arm, family, some, seeds[chosen], num_threads=2)
        np.testing.assert_array_equal(again.returns, whole.returns[chosen])
