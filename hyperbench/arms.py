"""Control arms: what a board must be read against, and no method can reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import PolicyBatch
from hyperbench.rollout import EpisodeTable, rollout
from hyperbench.seeding import child_seed
from hyperbench.split import Split
from hyperbench.task import FloatArray, TaskSpec

Seeds = npt.NDArray[np.int64]


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


def play_reuse_bound(
    family: TaskFamily, split: Split, seeds: Seeds, num_threads: int = 1
) -> tuple[EpisodeTable, int]:
    """Play source tasks' demonstrators on every target task, keep the best of each, with hindsight.

    What reusing a source policy unchanged could earn at most: the price of not generalising. The
    best is the one with the highest mean return; where episodes end at success, the one that
    succeeds most often, and a target task that one has solved in all episodes is not tried
    with another one.

    Returns:
        The best episodes of each target task, and how many were played in all.
    """

    def play(source: TaskSpec, chosen: npt.NDArray[np.int64]) -> EpisodeTable:
        targets = [split.target[i] for i in chosen]
        policies = family.demonstrators([source] * len(targets))
        return rollout(family, targets, policies, seeds[chosen], num_threads=num_threads)

    ends_at_success = family.info.ends_at_success
    merit = "successes" if ends_at_success else "returns"
    unsolved = np.arange(len(split.target))
    best = play(split.source[0], unsolved)
    num_played = best.returns.size
    for source in split.source[1:]:
        if ends_at_success:
            unsolved = np.flatnonzero(~np.asarray(best.successes).all(axis=1))
        if not unsolved.size:
            break
        table = play(source, unsolved)
        num_played += table.returns.size
        earned, known = (getattr(one, merit).mean(axis=1) for one in (table, best))
        better = np.flatnonzero(earned > known[unsolved])
        best = best.replaced(unsolved[better], table.take(better))
    return best, num_played


def due_rollouts(method: str, family: TaskFamily, split: Split, seeds: Seeds) -> range:
    """How many episodes a method or control arm may have played on target tasks."""
    if method != REUSE_BOUND:
        return range(seeds.size, seeds.size + 1)
    most = seeds.size * len(split.source)
    return range(seeds.size if family.info.ends_at_success else most, most + 1)


RANDOM, EXPERT, DEMONSTRATOR = "random", "expert", "demonstrator"
"""The control arms that define score 0 and score 1; the last where a family has no expert."""
REUSE_BOUND = "reuse-bound"
_POLICIES: dict[str, Callable[[TaskFamily, Split], PolicyBatch]] = {
    RANDOM: _random,
    "zero-action": _zero_action,
    "nearest-expert": _nearest_expert,
    EXPERT: _expert,
    DEMONSTRATOR: _demonstrator,
}
ARMS = (RANDOM, "zero-action", "nearest-expert", REUSE_BOUND, EXPERT)
"""The control arms of a family that has experts."""
RESERVED = (*ARMS, DEMONSTRATOR)
"""What no method may be called."""


def arms_of(info: FamilyInfo) -> tuple[str, ...]:
    """The control arms of a family: the last one, of its experts or demonstrators, is score 1."""
    return ARMS if info.has_expert else (*ARMS[:-1], DEMONSTRATOR)


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
        return play_reuse_bound(family, split, seeds, num_threads)
    policies = _POLICIES[arm](family, split)
    return rollout(family, split.target, policies, seeds, num_threads=num_threads), seeds.size
