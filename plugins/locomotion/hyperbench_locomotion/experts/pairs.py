"""What two shipped experts, one for each direction, earn on all tasks of a family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperbench.seeding import child_seed
from hyperbench.task import TaskSpec
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.physics import Array


def report_pairs(family: LocomotionFamily, num_threads: int = 1) -> float:
    """Play every task's expert once on every task and print the pair that earns most.

    A family is about generalisation where no pair does well: then knowing which way to go is not
    enough. ``tracking`` asks for less than 0.6 (docs/tracking.md).

    Args:
        family: its features include ``speed``, and its experts are shipped.
        num_threads: physics threads.

    Returns:
        The pair's mean return, as a share of the highest possible one.
    """
    tasks = family.tasks
    returns = cross_returns(family, tasks, num_threads) / family.info.horizon
    backward, forward, earned = best_pair(returns, np.array([task["speed"] for task in tasks]))
    print(f"{family.info.id}: shares of the highest return, one episode on each of {len(tasks)}")
    print(f"  every task by its own expert: {np.diag(returns).mean():.3f}")
    print(f"  the best single expert: {returns.mean(axis=1).max():.3f}")
    print(f"  the best pair, {tasks[backward].label} and {tasks[forward].label}: {earned:.3f}")
    return earned


def cross_returns(
    family: LocomotionFamily, tasks: Sequence[TaskSpec], num_threads: int = 1
) -> Array:
    """Play the expert of every task once on every task; all start alike on the same task.

    Returns:
        (num_tasks, num_tasks) returns, by expert and task played.
    """
    num_tasks = len(tasks)
    experts = family.expert(tasks)
    env = family.make_vec(list(tasks) * num_tasks, num_threads)
    seeds = [child_seed(0, "pairs", task.key) for task in tasks]
    observations, _ = env.reset(seed=seeds * num_tasks)
    returns = np.zeros(num_tasks**2)
    for _ in range(family.info.horizon):
        actions = experts.act(observations.reshape(num_tasks, num_tasks, -1))
        observations, rewards, _, _, _ = env.step(actions.reshape(num_tasks**2, -1))
        returns += rewards
    env.close()
    return returns.reshape(num_tasks, num_tasks)


def best_pair(returns: Array, speeds: Array) -> tuple[int, int, float]:
    """Find the two experts, one each way, that earn most when the better one plays each task.

    Which one is better is known with hindsight: the pair is an upper bound.

    Args:
        returns: (num_tasks, num_tasks), by expert and task played.
        speeds: (num_tasks,) target speed of each task.

    Returns:
        Positions of the backward and of the forward expert, and their mean return.
    """
    backward, forward = np.flatnonzero(speeds < 0), np.flatnonzero(speeds > 0)
    # (num_backward, num_forward, num_tasks)
    better = np.maximum(returns[backward][:, None], returns[forward])
    means = better.mean(axis=2)
    i, j = np.unravel_index(means.argmax(), means.shape)
    return int(backward[i]), int(forward[j]), float(means[i, j])
