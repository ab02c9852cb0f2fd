"""Control arms: what a board must be read against, and no method can reach."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hyperbench.demonstration import Demonstrations
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import PolicyBatch, StorablePolicies
from hyperbench.registry.own import (
    ARMS,
    DEMONSTRATOR,
    EXPERT,
    NEAREST_EXPERT,
    RANDOM,
    REUSE_BOUND,
    ZERO_ACTION,
)
from hyperbench.rollout import EpisodeTable, rollout
from hyperbench.seeding import child_seed
from hyperbench.split import Split
from hyperbench.task import FloatArray, TaskSpec

Seeds = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int64]


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


def _demonstrator(family: TaskFamily, split: Split) -> PolicyBatch:
    return family.demonstrators(split.target)


def _nearest_expert(family: TaskFamily, split: Split) -> PolicyBatch:
    return family.demonstrators([split.nearest_source(task)[0] for task in split.target])


class _Hope:
    """Which target tasks may still beat what is known; ``rollout`` asks after each step.

    Branch and bound: the most that a task's episodes can still earn is what they have earned and
    ``max_reward`` for each step that they may still have.

    Args:
        known: (num_tasks,) mean returns to beat, or to equal.
        max_reward: as of ``FamilyInfo``.
        horizon: likewise.
    """

    _ROUNDING = 1e-9
    """What a sum of rewards may be off, as a share of their size: many times what float64 loses."""

    def __init__(self, known: npt.NDArray[np.float64], max_reward: float, horizon: int) -> None:
        # Where every step costs, the most is to end at once.
        self._known, self._max_reward = known, max(max_reward, 0.0)
        self._size = horizon * self._max_reward
        self.going = np.ones(len(known), dtype=bool)

    def __call__(
        self, returns: npt.NDArray[np.float64], left: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.bool_]:
        most = (returns + self._max_reward * left).mean(axis=1)
        slack = self._ROUNDING * (np.abs(returns).mean(axis=1) + self._size)
        self.going &= most + slack >= self._known
        return self.going


def play_reuse_bound(
    family: TaskFamily, split: Split, seeds: Seeds, num_threads: int = 1
) -> tuple[EpisodeTable, int]:
    """Play source tasks' demonstrators on every target task, keep the best of each, with hindsight.

    What reusing a source policy unchanged could earn at most: the price of not generalising. The
    best is the one with the highest mean return; where episodes end at success, the one that
    succeeds most often, and a target task that one has solved in all episodes is not tried
    with another one. Of several the best is the first in the split.

    Demonstrators that cannot be the best are stopped as soon as that is certain (``_Hope``), and
    one that is the same policy as an earlier one is not played.

    Returns:
        The best episodes of each target task, and how many were begun in all.
    """
    info = family.info
    limit = math.inf if info.max_reward is None else info.max_reward
    every = np.arange(len(split.target))
    rounds = _order_of_trial(family, split).T  # (num_distinct, num_targets)

    def play(chosen: Indices, sources: Indices, hope: _Hope | None) -> EpisodeTable:
        policies = family.demonstrators([split.source[i] for i in sources])
        targets = [split.target[i] for i in chosen]
        return rollout(family, targets, policies, seeds[chosen], num_threads=num_threads, keep=hope)

    def merit(table: EpisodeTable) -> npt.NDArray[np.float64]:
        values = table.successes if info.ends_at_success else table.returns
        means: npt.NDArray[np.float64] = np.asarray(values).mean(axis=1)
        return means

    winners = rounds[0].copy()
    best = play(every, winners, None)
    num_played = best.returns.size
    chosen = every
    for candidates in rounds[1:]:
        if info.ends_at_success:
            chosen = np.flatnonzero(~np.asarray(best.successes).all(axis=1))
        if not chosen.size:
            break
        sources, known = candidates[chosen], merit(best)[chosen]
        hope = None
        if math.isfinite(limit) and not info.ends_at_success:
            hope = _Hope(known, limit, info.horizon)
        table = play(chosen, sources, hope)
        num_played += table.returns.size
        earned = merit(table)
        # What was stopped has earned less than is known.
        tied = (earned == known) & (sources < winners[chosen])
        better = np.flatnonzero((earned > known) | tied)
        winners[chosen[better]] = sources[better]
        best = best.replaced(chosen[better], table.take(better))
    return best, num_played


def _order_of_trial(family: TaskFamily, split: Split) -> Indices:
    """(num_targets, num_distinct) indices of source tasks whose demonstrators differ.

    The nearest first: what is good early stops the others early. Where episodes end at success,
    in the split's order: none is stopped, and a later one counts only if the earlier ones failed.
    """
    distinct = _distinct(family.demonstrators(split.source))
    if family.info.ends_at_success:
        return np.tile(distinct, (len(split.target), 1))
    apart = np.stack([split.source_distances(task)[distinct] for task in split.target])
    return distinct[np.argsort(apart, axis=1, kind="stable")]


def _distinct(policies: PolicyBatch) -> Indices:
    """The policies that are not the same numbers as an earlier one, as far as they can be read."""
    every = range(policies.num_tasks)
    if not isinstance(policies, StorablePolicies):
        return np.array(every)
    firsts: dict[bytes, int] = {}
    for i in every:
        arrays, _ = policies.take([i]).to_arrays()
        firsts.setdefault(b"".join(arrays[name].tobytes() for name in sorted(arrays)), i)
    return np.array(list(firsts.values()))


def due_rollouts(method: str, split: Split, seeds: Seeds) -> range:
    """How many episodes a method or control arm may have played on target tasks.

    A method plays those that are judged. So does the reuse bound with each source task, at most:
    records from before it looked for demonstrators that are the same policy have all of them, and
    where episodes end at success solved tasks are left out. Of a pair of tasks it begins all
    episodes or none; those that it stops count.
    """
    if method != REUSE_BOUND:
        return range(seeds.size, seeds.size + 1)
    return range(seeds.size, seeds.size * len(split.source) + 1, seeds.shape[1])


_POLICIES: dict[str, Callable[[TaskFamily, Split], PolicyBatch]] = {
    RANDOM: _random,
    ZERO_ACTION: _zero_action,
    NEAREST_EXPERT: _nearest_expert,
    EXPERT: _expert,
    DEMONSTRATOR: _demonstrator,
}


def arms_of(info: FamilyInfo) -> tuple[str, ...]:
    """The control arms of a family: the last one, of its experts or demonstrators, is score 1.

    Where nobody demonstrates, nobody's policies can be reused.
    """
    if not info.has_demonstrators:
        return (RANDOM, ZERO_ACTION, DEMONSTRATOR)
    return ARMS if info.has_expert else (*ARMS[:-1], DEMONSTRATOR)


def is_brought(arm: str, info: FamilyInfo) -> bool:
    """Whether an arm is not played, but is what demonstrations from elsewhere earned."""
    return arm == DEMONSTRATOR and not info.has_demonstrators


def demonstrated(demonstrations: Demonstrations, seeds: Seeds) -> EpisodeTable:
    """Put demonstrations in the place of episodes that nobody can play.

    Args:
        demonstrations: of the tasks. Episode ``i`` of a task is its ``i``-th one, and after the
            last comes the first.
        seeds: (num_tasks, num_episodes), of the episodes in whose place they are put.
    """
    rows = [[row[i % len(row)] for i in range(seeds.shape[1])] for row in demonstrations.episodes]
    return EpisodeTable(
        tasks=demonstrations.specs,
        seeds=seeds,
        returns=np.array([[e.rewards.sum(dtype=np.float64) for e in row] for row in rows]),
        lengths=np.array([[len(e) for e in row] for row in rows], np.int64),
        successes=None,
        terminated=np.array([[e.terminated for e in row] for row in rows], np.bool_),
    )


def play_arm(
    arm: str,
    family: TaskFamily,
    split: Split,
    seeds: Seeds,
    num_threads: int = 1,
    given: Demonstrations | None = None,
) -> tuple[EpisodeTable, int]:
    """Play one control arm on the target tasks.

    Args:
        arm: one of ``ARMS``.
        family: the world.
        split: whose target tasks are judged.
        seeds: (num_target_tasks, num_episodes), the ones every method gets.
        num_threads: physics threads.
        given: the demonstrations of the target tasks, where nobody can play them.

    Returns:
        The episodes, and how many were played in all (the reuse bound plays more than it keeps).
    """
    if given is not None:
        return demonstrated(given.select(split.target), seeds), seeds.size
    if arm == REUSE_BOUND:
        return play_reuse_bound(family, split, seeds, num_threads)
    policies = _POLICIES[arm](family, split)
    return rollout(family, split.target, policies, seeds, num_threads=num_threads), seeds.size
