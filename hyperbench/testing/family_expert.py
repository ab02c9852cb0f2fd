"""Checks that a family's experts are policies worth imitating."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hyperbench.arms import RandomPolicies, ZeroActionPolicies
from hyperbench.errors import contract_error
from hyperbench.family import TaskFamily
from hyperbench.policy import PolicyBatch, info_key
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.statistics import earns_more
from hyperbench.task import FloatArray, TaskSpec
from hyperbench.testing.trace import (
    play,
    random_actions,
    references,
    single,
    some_tasks,
    within,
)

_NUM_EPISODES = 4
_ROUNDING = 1e-5
"""How much a policy's action may move, as a share of the range, with the size of its batch."""


def check_expert_acts_within_bounds(family: TaskFamily) -> None:
    """Check that experts answer for every task with finite float32 actions inside the action space.

    So must demonstrators where they are others: their actions are what methods imitate. A family
    that nobody plays has nothing to check here.
    """
    tasks = some_tasks(family)
    for policies in references(family, tasks):
        _check_bounds(family, "Expert", policies)
    if type(family).demonstrators is not TaskFamily.demonstrators:
        _check_bounds(family, "Demonstrator", family.demonstrators(tasks))


def _check_bounds(family: TaskFamily, who: str, policies: PolicyBatch) -> None:
    num_tasks = len(some_tasks(family))
    subject = f"{who} of family {family.info.id}"
    if not isinstance(policies, PolicyBatch) or policies.num_tasks != num_tasks:
        raise contract_error(
            subject,
            f"{who.lower()}s(tasks) must be a PolicyBatch for {num_tasks} tasks.",
            f"a {type(policies).__name__} for {getattr(policies, 'num_tasks', 'no')} tasks.",
            "hyperbench.policy.MLPPolicies is one; num_tasks, act and reset make another.",
        )
    observations = _visited_observations(family, policies)
    policies.reset()
    actions = policies.act(observations)
    space = family.action_space
    shape = (*observations.shape[:2], *space.shape)
    fits = actions.shape == shape and actions.dtype == np.float32
    if not fits or not within(actions, space.low, space.high):
        raise contract_error(
            subject,
            f"actions must be finite float32 of shape {shape} inside {space}.",
            f"{actions.dtype} of shape {actions.shape}, "
            f"from {actions.min():g} to {actions.max():g}.",
            "Clip and convert them in act.",
        )


def check_experts_are_independent(family: TaskFamily) -> None:
    """Check that a task's expert does not depend on the other tasks in the call, nor on order."""
    if not family.info.has_demonstrators:
        return
    tasks = some_tasks(family)
    experts = family.reference(tasks)
    observations = _visited_observations(family, experts)
    together = _act(experts, observations)
    reverse = _act(family.reference(tasks[::-1]), observations[::-1].copy())[::-1]
    tolerance = _ROUNDING * (family.action_space.high - family.action_space.low)
    for i, task in enumerate(tasks):
        alone = _act(family.reference([task]), observations[[i]])[0]
        for other in (together[i], reverse[i]):
            if not (np.abs(alone - other) <= tolerance).all():
                raise contract_error(
                    f"Expert of family {family.info.id}, task {task.label}",
                    "its actions must be the same whatever else is in the call to expert(tasks).",
                    f"they differ by up to {np.abs(alone - other).max():g}.",
                    "Stack one task's weights per row, and nothing that is computed over all rows.",
                )


def check_expert_beats_random(family: TaskFamily) -> None:
    """Check that on every task the expert earns more than random actions, beyond the noise.

    Scores divide by this difference. The noise is one standard error of the paired difference over
    four episodes, both playing the same starts.
    """
    _check_expert_beats(family, "random actions", RandomPolicies(family, family.tasks))


def check_expert_beats_zero_action(family: TaskFamily) -> None:
    """Check that on every task the expert earns more than doing nothing.

    Nothing asks that random beats nothing, too: shaking a body that stands by itself may well cost
    reward. A family with a task that *is* doing nothing leaves this check out.
    """
    _check_expert_beats(family, "action zero", ZeroActionPolicies(family, family.tasks))


def _check_expert_beats(family: TaskFamily, name: str, opponent: PolicyBatch) -> None:
    if not family.info.has_demonstrators:
        return
    tasks = family.tasks
    seeds = episode_seeds(0, "testing", tasks, _NUM_EPISODES)
    expert = _expert_returns(family, tasks)
    other = rollout(family, tasks, opponent, seeds).returns
    gain = expert - other  # (num_tasks, num_episodes)
    lost = np.flatnonzero(~earns_more(expert, other))
    if len(lost):
        worst = int(lost[np.argmin(gain.mean(axis=1)[lost])])
        raise contract_error(
            f"Family {family.info.id}",
            f"on every task the expert must earn more than {name}.",
            f"not so on {len(lost)} of {len(tasks)} tasks; on {tasks[worst].label} it earns "
            f"{expert[worst].mean():.4g} against {other[worst].mean():.4g}.",
            "Train the expert of these tasks further, or drop the tasks that it cannot do.",
        )


@lru_cache(maxsize=1)  # two checks play the same episodes, one after the other
def _expert_returns(family: TaskFamily, tasks: tuple[TaskSpec, ...]) -> npt.NDArray[np.float64]:
    seeds = episode_seeds(0, "testing", tasks, _NUM_EPISODES)
    return rollout(family, tasks, family.reference(tasks), seeds).returns


def _act(policies: PolicyBatch, observations: FloatArray) -> FloatArray:
    policies.reset()
    return policies.act(observations)


def _visited_observations(family: TaskFamily, experts: PolicyBatch) -> FloatArray:
    """Collect what experts see where actions are random: (num_tasks, num_steps, obs_dim)."""
    key = info_key(experts)
    traces = [
        play(single(family, task), [i], random_actions(family, 1, seed=i), info_key=key)
        for i, task in enumerate(some_tasks(family))
    ]
    return _stacked([trace.observations[:, 0] for trace in traces])


def _stacked(rows: Sequence[FloatArray]) -> FloatArray:
    """Stack rows of different lengths, cut to the shortest: episodes may end early."""
    num_steps = min(len(row) for row in rows)
    return np.stack([row[:num_steps] for row in rows]).astype(np.float32)
