"""Checks of how episodes end: in time, with their own last step, and by whom."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hyperbench.arms import RandomPolicies
from hyperbench.errors import contract_error
from hyperbench.family import TaskFamily
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.testing.trace import Trace, play, references, single, some_tasks

_ROUNDING, _APART = 1e-5, 1e-3
"""How far two programs may have drifted apart before a last step; how far another episode is."""


def check_horizon(family: TaskFamily) -> None:
    """Check that no episode is longer than ``info.horizon``, from ``make`` or from ``make_vec``.

    ``rollout`` stops at the horizon: an episode that wants to go on would be cut unseen.
    """
    for maker, trace in _still(family).items():
        if not trace.ended[-1].all():
            raise contract_error(
                f"Family {family.info.id}",
                f"an episode of {maker} must end within info.horizon, {family.info.horizon} steps.",
                f"{int((~trace.ended[-1]).sum())} of {trace.ended.shape[1]} still running.",
                "Truncate it there (gymnasium.wrappers.TimeLimit does), or raise info.horizon.",
            )


def check_last_step(family: TaskFamily) -> None:
    """Check that the last step of ``make_vec`` shows an episode's end, not the next one's start.

    What starts anew in the same step must declare that it does
    (``metadata["autoreset_mode"]``), and tell the last observation in ``infos["final_obs"]``: the
    end of every demonstration would else belong to another episode.
    """
    batch = _still(family)["make_vec"]
    for i, task in enumerate(some_tasks(family)):
        alone, other = _still(family)[_made(i)].observations, batch.take([i]).observations
        if len(alone) != len(other):
            continue
        apart = np.abs(alone - other) / np.maximum(1.0, np.abs(alone))
        if apart[:-1].max() <= _ROUNDING and apart[-1].max() > _APART:
            raise contract_error(
                f"Family {family.info.id}, task {task.label}",
                "the last step of an episode of make_vec must show what that of make shows.",
                f"{other[-1, 0]} after {len(other) - 1} steps, and {alone[-1, 0]} of make.",
                "Reset in the next step or not at all; or declare SAME_STEP and report final_obs "
                "and final_info.",
            )


def check_time_limit(family: TaskFamily) -> None:
    """Check that a time limit is ``truncated``, and ``terminated`` is left to the task.

    Environments of the old interface have one word for both: then every episode, whoever plays it,
    is terminated at the horizon, and methods that learn values take that for the end of the world.
    A family whose tasks are over after so many steps by their nature leaves this check out.
    """
    horizon = family.info.horizon
    tasks = some_tasks(family)
    if not all(
        len(trace.ended) == horizon > 1 and trace.terminated[-1].all()
        for trace in _still(family).values()
    ):
        return
    seeds = episode_seeds(0, "testing", tasks, 1)
    for policies in (RandomPolicies(family, tasks), *references(family, tasks)):
        table = rollout(family, tasks, policies, seeds)
        if not (table.terminated & (table.lengths == horizon)).all():
            return
    raise contract_error(
        f"Family {family.info.id}",
        "terminated must be the task's doing, and truncated the time limit's.",
        f"that all episodes, of random and zero actions and of experts, are terminated at step "
        f"{horizon}, the horizon.",
        "Return terminated=False and truncated=True there, as gymnasium.wrappers.TimeLimit does.",
    )


@lru_cache(maxsize=1)  # three checks look at the same episodes, one after the other
def _still(family: TaskFamily) -> dict[str, Trace]:
    """Play the action zero to the horizon: in ``make_vec``, and each task alone in ``make``."""
    tasks = some_tasks(family)
    horizon, space = family.info.horizon, family.action_space
    still = np.clip(0, space.low, space.high).astype(np.float32)
    batches = {_made(i): (single(family, task), [i]) for i, task in enumerate(tasks)}
    batches["make_vec"] = (family.make_vec(tasks), [*range(len(tasks))])
    return {
        maker: play(env, seeds, np.tile(still, (horizon, len(seeds), 1)))
        for maker, (env, seeds) in batches.items()
    }


def _made(index: int) -> str:
    return f"make, of task {index},"
