"""The harness's control arms: what a board must be read against, and no method can reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
import numpy.typing as npt

from hyperbench.family import TaskFamily
from hyperbench.policy import PolicyBatch
from hyperbench.protocol import Split
from hyperbench.rollout import EpisodeTable, rollout
from hyperbench.seeding import child_seed
from hyperbench.task import FloatArray, TaskSpec

Seeds = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class RandomPolicies:
    """Uniform actions; each task draws from a stream of its own."""

    def __init__(self, family: TaskFamily, tasks: Sequence[TaskSpec]) -> None:
        self._space = family.action_space
        self._keys = [task.key for task in tasks]
        self.reset()

    @property
    def num_tasks(self) -> int:
        """How many tasks there is a policy for."""
        return len(self._keys)

    def act(self, observations: FloatArray) -> FloatArray:
        """Draw (num_tasks, num_episodes, action_dim) actions."""
        shape = (observations.shape[1], *self._space.shape)
        low, high = self._space.low, self._space.high
        return np.stack([rng.uniform(low, high, shape) for rng in self._rngs]).astype(np.float32)

    def reset(self) -> None:
        """Start every stream anew."""
        self._rngs = [
            np.random.default_rng(child_seed(0, "random policy", key)) for key in self._keys
        ]


class ZeroActionPolicies:
    """The action 0, or the allowed action nearest to it."""

    def __init__(self, family: TaskFamily, tasks: Sequence[TaskSpec]) -> None:
        space = family.action_space
        self._action = np.clip(np.zeros(space.shape, np.float32), space.low, space.high)
        self._num_tasks = len(tasks)

    @property
    def num_tasks(self) -> int:
        """How many tasks there is a policy for."""
        return self._num_tasks

    def act(self, observations: FloatArray) -> FloatArray:
        """Return (num_tasks, num_episodes, action_dim) zeros."""
        shape = (*observations.shape[:2], *self._action.shape)
        return np.broadcast_to(self._action, shape).copy()

    def reset(self) -> None:
        """Do nothing."""


def _random(family: TaskFamily, split: Split) -> PolicyBatch:
    return RandomPolicies(family, split.target)


def _zero_action(family: TaskFamily, split: Split) -> PolicyBatch:
    return ZeroActionPolicies(family, split.target)


def _expert(family: TaskFamily, split: Split) -> PolicyBatch:
    return family.expert(split.target)


def _nearest_expert(family: TaskFamily, split: Split) -> PolicyBatch:
    return family.expert([split.nearest_source(task)[0] for task in split.target])


def play_reuse_bound(
    family: TaskFamily, split: Split, seeds: Seeds, num_threads: int = 1
) -> EpisodeTable:
    """Play every source task's expert on every target task and keep the best, with hindsight.

    What reusing a source policy unchanged could earn at most: the price of not generalising.
    """
    tables = (
        rollout(
            family,
            split.target,
            family.expert([source] * len(split.target)),
            seeds,
            num_threads=num_threads,
        )
        for source in split.source
    )
    return reduce(_better, tables)


def _better(one: EpisodeTable, other: EpisodeTable) -> EpisodeTable:
    """For each task the table with the higher mean return."""
    choose = (other.returns.mean(axis=1) > one.returns.mean(axis=1))[:, None]

    def better(mine: Flags | None, theirs: Flags | None) -> Flags | None:
        return None if mine is None or theirs is None else np.where(choose, theirs, mine)

    return replace(
        one,
        returns=np.where(choose, other.returns, one.returns),
        lengths=np.where(choose, other.lengths, one.lengths),
        terminated=np.where(choose, other.terminated, one.terminated),
        successes=better(one.successes, other.successes),
        lasting=better(one.lasting, other.lasting),
    )


_POLICIES: dict[str, Callable[[TaskFamily, Split], PolicyBatch]] = {
    "random": _random,
    "zero-action": _zero_action,
    "nearest-expert": _nearest_expert,
    "expert": _expert,
}
REUSE_BOUND = "reuse-bound"
ARMS = ("random", "zero-action", "nearest-expert", REUSE_BOUND, "expert")
"""Names of the control arms; no method may be called so."""


def play_arm(
    arm: str, family: TaskFamily, split: Split, seeds: Seeds, num_threads: int = 1
) -> tuple[EpisodeTable, int]:
    """Play one control arm on the target tasks.

    Args:
        arm: one of ``ARMS``.
        family: the world.
        split: whose target tasks are judged.
        seeds: (num_target_tasks, num_episodes), the ones every method gets.
        num_threads: physics threads.

    Returns:
        The episodes, and how many were played in all (the reuse bound plays more than it keeps).
    """
    if arm == REUSE_BOUND:
        table = play_reuse_bound(family, split, seeds, num_threads)
        return table, seeds.size * len(split.source)
    policies = _POLICIES[arm](family, split)
    return rollout(family, split.target, policies, seeds, num_threads=num_threads), seeds.size
