"""Play a family's shipped demonstrators and write down what they earn and how they differ."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from hyperbench.errors import UnknownNameError
from hyperbench.registry import installed
from hyperbench.seeding import child_seed
from hyperbench.task import TaskSpec
from hyperbench.testing import demonstrator_difference
from hyperbench_locomotion.experts.networks import DATA
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.physics import Array
from hyperbench_locomotion.plugin import FAMILIES, INDEPENDENT


def evaluate(family_id: str, num_episodes: int, num_threads: int = 1) -> Path:
    """Play every task of a family, print the returns and write the family's card.

    Args:
        family_id: of a family of this package.
        num_episodes: per task.
        num_threads: physics threads.

    Returns:
        The card, a JSON file in the package.

    Raises:
        UnknownNameError: no family of this package has this id.
    """
    known = [entry.id for entry in (*FAMILIES, *INDEPENDENT)]
    if family_id not in known:
        raise UnknownNameError("family", family_id, known)
    family = cast(LocomotionFamily, installed().make_family(family_id))
    returns = demonstrated_returns(family, family.tasks, num_episodes, num_threads)
    means = {
        task.label: round(float(mean), 1)
        for task, mean in zip(family.tasks, returns.mean(axis=1), strict=True)
    }
    card = {
        "family": family_id,
        "expert_version": family.info.expert_version,
        "command": f"python -m hyperbench_locomotion.experts evaluate {family_id}",
        "physics": family.info.physics,
        "episodes_per_task": num_episodes,
        "mean_return": round(float(returns.mean()), 1),
        "task_returns": means,
    }
    if len(family.spec_space) == 1:
        card["demonstrator_difference"] = round(demonstrator_difference(family, num_threads), 3)
    path = card_path(family_id)
    path.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    for label, mean in means.items():
        print(f"{label:>24} {mean:7.1f}")
    print(f"{family_id}: mean return {card['mean_return']}")
    return path


def demonstrated_returns(
    family: LocomotionFamily, tasks: Sequence[TaskSpec], num_episodes: int, num_threads: int = 1
) -> Array:
    """Play who demonstrates, the experts mostly; a seed depends on task and episode alone.

    Returns:
        (num_tasks, num_episodes) returns.
    """
    policies = family.demonstrators(tasks)
    env = family.make_vec([task for task in tasks for _ in range(num_episodes)], num_threads)
    seeds = [
        child_seed(0, "card", t.key, episode) for t in tasks for episode in range(num_episodes)
    ]
    observations, _ = env.reset(seed=seeds)
    returns = np.zeros(len(seeds))
    for _ in range(family.info.horizon):
        actions = policies.act(observations.reshape(len(tasks), num_episodes, -1))
        observations, rewards, _, _, _ = env.step(actions.reshape(len(seeds), -1))
        returns += rewards
    env.close()
    return returns.reshape(len(tasks), num_episodes)


def card_path(family_id: str) -> Path:
    """Where a family's card is shipped."""
    return DATA / f"{family_id.replace('/', '-')}.json"
