"""How much the demonstrators of neighbouring tasks differ: a number for a family's card."""

from __future__ import annotations

import numpy as np

from hyperbench.family import TaskFamily
from hyperbench.policy import action_unit, info_key
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.split import Split
from hyperbench.task import FloatArray

_STRIDE = 10
"""Every tenth step is compared; those between differ little from it."""


def demonstrator_difference(family: TaskFamily, num_threads: int = 1) -> float:
    """How far apart the actions of neighbouring tasks' demonstrators are, on common observations.

    Every task and its nearest other one are compared on what both see in an episode each. The
    distance of two actions is the root mean square over their components, bounds scaled to
    [-1, 1]: 0 if they are the same, 2 at most. Where demonstrators are one smooth function of the
    spec it is small; where they were trained independently of each other it is not.

    Args:
        family: whose demonstrators play an episode of every task.
        num_threads: physics threads.

    Raises:
        ValueError: demonstrators are shown more than observations, which another's episode lacks.
    """
    tasks = family.tasks
    policies = family.demonstrators(tasks)
    if info_key(policies) is not None:
        raise ValueError(f"Demonstrators of {family.info.id} see more than observations.")
    steps: list[FloatArray] = []
    rollout(
        family,
        tasks,
        policies,
        episode_seeds(0, "difference", tasks, 1),
        num_threads=num_threads,
        watch=lambda observations, *_: steps.append(np.array(observations[:, 0])),
    )
    seen = np.stack(steps[::_STRIDE], axis=1)  # (num_tasks, num_steps, obs_dim)
    space = family.action_space
    unit = action_unit(space.low.astype(np.float32), space.high.astype(np.float32))
    distances = []
    for i, task in enumerate(tasks):
        others = Split(source=(*tasks[:i], *tasks[i + 1 :]), validation=(), target=(task,))
        pair = [i, tasks.index(others.nearest_source(task)[0])]
        common = np.concatenate(seen[pair])
        two = family.demonstrators([tasks[j] for j in pair])
        two.reset()
        actions = two.act(np.stack([common, common]))
        apart = (actions[0] - actions[1]) / unit
        distances.append(np.sqrt(np.square(apart).mean(axis=-1)).mean())
    return float(np.mean(distances))
