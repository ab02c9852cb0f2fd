"""Playing policies: the one loop in which a policy meets an environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from hyperbench.errors import contract_error
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import PolicyBatch, info_key
from hyperbench.protocol import EvalProtocol
from hyperbench.rollout.actors import Actors, Keep
from hyperbench.rollout.border import Episodes
from hyperbench.rollout.table import EPISODE_COLUMNS, EpisodeColumn, EpisodeTable
from hyperbench.seeding import child_seed
from hyperbench.task import FloatArray, TaskSpec

__all__ = [
    "EPISODE_COLUMNS",
    "EpisodeColumn",
    "EpisodeProgress",
    "EpisodeTable",
    "Keep",
    "Watch",
    "episode_seeds",
    "judged_seeds",
    "rollout",
]

Watch = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], None]
"""Sees each step: observations, actions, rewards, next observations, each by task and episode."""
EpisodeProgress = Callable[[int, int], None]
"""Told (steps done, horizon)."""

_PROGRESS_EVERY = 50
_JUDGED_ROOT = 0
"""Judged episodes are part of the benchmark: every method plays the same ones."""


class Keyed(Protocol):
    """A task, or what a record says of one."""

    @property
    def key(self) -> str:
        """The task's content hash."""


class Judged(Protocol):
    """A split, or what a record says of one."""

    @property
    def target(self) -> Sequence[Keyed]:
        """The tasks that are judged."""


def episode_seeds(
    root: int, purpose: str, tasks: Sequence[Keyed], num_episodes: int
) -> npt.NDArray[np.int64]:
    """Seeds (num_tasks, num_episodes) that depend on task, purpose and episode index alone.

    Args:
        root: one number for the whole measurement.
        purpose: keeps, for instance, demonstrations apart from judged episodes.
        tasks: the tasks.
        num_episodes: episodes per task.
    """
    seeds = [_seeds_of_task(root, purpose, task.key, num_episodes) for task in tasks]
    return np.array(seeds, dtype=np.int64)


@lru_cache(maxsize=2**14)
def _seeds_of_task(root: int, purpose: str, key: str, num_episodes: int) -> tuple[int, ...]:
    """All runs on a board ask for those of the same tasks."""
    return tuple(child_seed(root, purpose, key, i) for i in range(num_episodes))


def judged_seeds(split: Judged, protocol: EvalProtocol) -> npt.NDArray[np.int64]:
    """Seeds (num_target_tasks, num_episodes) of the episodes that a run is judged on.

    Args:
        split: whose target tasks are judged.
        protocol: how many episodes of each.
    """
    return episode_seeds(_JUDGED_ROOT, "judged episode", split.target, protocol.num_episodes)


def rollout(
    family: TaskFamily,
    tasks: Sequence[TaskSpec],
    policies: PolicyBatch,
    seeds: npt.NDArray[np.int64],
    *,
    num_threads: int = 1,
    execution_noise: float = 0.0,
    watch: Watch | None = None,
    progress: EpisodeProgress | None = None,
    keep: Keep | None = None,
) -> EpisodeTable:
    """Play every policy on its task, all tasks and episodes at once.

    Args:
        family: makes the environments.
        tasks: task ``i`` is played by policy ``i``.
        policies: from a generator, or experts.
        seeds: (num_tasks, num_episodes), one per episode.
        num_threads: threads a family may use for physics; results do not depend on it.
        execution_noise: as of ``FamilyInfo``; each episode draws from a stream of its own.
        watch: sees every step, e.g. to record demonstrations; actions before the noise. What
            follows an episode's end there is no part of it.
        progress: told now and then how far the episodes are.
        keep: asked after each step which tasks go on; the episodes of the others end there, and
            say what was measured up to there.

    Returns:
        One entry per episode.

    Actions outside of the action space are clipped to it, whatever the environment would do with
    them, and counted: ``EpisodeTable.num_clipped``.

    Raises:
        ValueError: tasks, policies, seeds and actions do not fit each other in shape.
        FloatingPointError: before its end an episode has an action that is not finite; says where.
        ContractError: what the environments show is not what the family declares; says where.
    """
    num_tasks, num_episodes = seeds.shape
    if not len(tasks) == num_tasks == policies.num_tasks:
        raise ValueError(f"{len(tasks)} tasks, {policies.num_tasks} policies, seeds {seeds.shape}")
    info = family.info
    noise = _ExecutionNoise(family, seeds.ravel(), execution_noise) if execution_noise else None
    bounds = _Bounds(family.action_space)
    shown_key = info_key(policies)
    with closing(
        family.make_vec([task for task in tasks for _ in range(num_episodes)], num_threads)
    ) as env:
        names = np.repeat([task.label for task in tasks], num_episodes).tolist()
        episodes = Episodes(env, family.observation_space, f"Family {info.id}", names)
        policies.reset()
        actors = Actors(policies)
        episodes.reset(seeds.ravel().tolist())
        running = np.ones(seeds.size, dtype=bool)
        returns = np.zeros(seeds.size)
        lengths = np.zeros(seeds.size, dtype=np.int64)
        successes = np.zeros(seeds.size, dtype=bool)
        lasting = np.zeros(seeds.size, dtype=bool)
        ended_by_task = np.zeros(seeds.size, dtype=bool)
        num_clipped = 0

        def by_task(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return values.reshape(num_tasks, num_episodes, -1)

        for step in range(info.horizon):
            observations = by_task(episodes.observations.astype(np.float32))
            # A copy: what a policy does to it must not reach what is demonstrated.
            shown = observations.copy()
            if shown_key is not None:
                shown = by_task(episodes.info(shown_key).astype(np.float32))
            actions = actors.act(shown)
            if actions.shape != (*seeds.shape, *family.action_space.shape):
                raise ValueError(
                    f"Policies answered with actions of shape {actions.shape}, expected "
                    f"{(*seeds.shape, *family.action_space.shape)}."
                )
            # What a finished episode's simulation still does is nobody's business.
            _refuse_non_finite(actions, running, family, tasks, step)
            actions, exceeded = bounds.clipped(actions)
            num_clipped += int((exceeded.ravel() & running).sum())
            executed = actions.reshape(seeds.size, -1)
            if noise is not None:
                executed = noise.added(executed, step)
            # A copy, too: what an environment does to it is its own affair.
            found = episodes.step(executed.copy())
            _refuse_larger(np.where(running, found.rewards, -np.inf), info, tasks, step)
            if watch is not None:
                rewards = found.rewards.reshape(seeds.shape).astype(np.float32)
                watch(observations, actions, rewards, by_task(episodes.observations))
            returns[running] += found.rewards[running]
            lengths[running] += 1
            terminated = found.terminated
            if info.has_success:
                lasting = episodes.success()
                successes[running] = lasting[running]
                if info.ends_at_success:
                    terminated = terminated | lasting
                    episodes.complete(lasting)
                    if step + 1 < info.horizon:
                        episodes.refuse_end_after(successes)
            ended_by_task |= running & terminated
            running &= ~(terminated | episodes.over)
            if keep is not None:
                left = np.where(running, info.horizon - step - 1, 0)
                going = keep(returns.reshape(seeds.shape), left.reshape(seeds.shape))
                stopped = running & ~np.repeat(going, num_episodes)
                if stopped.any():
                    running &= ~stopped
                    episodes.leave(stopped)
                    actors.keep(going)
            if progress is not None and (step + 1) % _PROGRESS_EVERY == 0:
                progress(step + 1, info.horizon)
            # Where success ends an episode, its environment goes on, to show whether it lasts.
            if not (running.any() or (info.ends_at_success and not episodes.over.all())):
                break
    return EpisodeTable(
        tasks=tuple(tasks),
        seeds=seeds,
        returns=returns.reshape(seeds.shape),
        lengths=lengths.reshape(seeds.shape),
        successes=successes.reshape(seeds.shape) if info.has_success else None,
        terminated=ended_by_task.reshape(seeds.shape),
        lasting=lasting.reshape(seeds.shape) if info.ends_at_success else None,
        num_clipped=num_clipped,
    )


def _refuse_non_finite(
    actions: npt.NDArray[Any],
    running: npt.NDArray[np.bool_],
    family: TaskFamily,
    tasks: Sequence[TaskSpec],
    step: int,
) -> None:
    """Refuse what is done in a running episode, (num_tasks, num_episodes, action_dim)."""
    if np.isfinite(actions).all():
        return
    broken = ~np.isfinite(actions.reshape(running.size, -1)).all(axis=1) & running
    if broken.any():
        task = tasks[int(broken.argmax()) // actions.shape[1]]
        raise FloatingPointError(
            f"A policy's action is not finite at step {step} of {family.info.id}, {task.label}."
        )


def _refuse_larger(
    rewards: npt.NDArray[np.float64], info: FamilyInfo, tasks: Sequence[TaskSpec], step: int
) -> None:
    """Refuse a reward, (num_envs,), that is larger than the family says one can be."""
    if info.max_reward is None or rewards.max() <= info.max_reward:
        return
    task = tasks[int(rewards.argmax()) * len(tasks) // len(rewards)]
    raise contract_error(
        f"Family {info.id}, {task.label}, step {step + 1}",
        f"a reward must not exceed info.max_reward, {info.max_reward:g}.",
        f"{rewards.max():.17g}.",
        "Declare the largest reward there can be, or none.",
    )


class _Bounds:
    """The bounds of an action space.

    Args:
        space: of one task's actions.
    """

    _ROUNDING = 1e-6
    """What a policy may exceed them by without being told of, as a share of the range."""

    def __init__(self, space: spaces.Box) -> None:
        self._low, self._high = space.low, space.high
        # What lies within the narrowest of them needs no look at each: the usual case.
        self._narrow = space.low.max(initial=-np.inf), space.high.min(initial=np.inf)
        slack = self._ROUNDING * (space.high - space.low)
        self._least, self._most = space.low - slack, space.high + slack

    def clipped(self, actions: npt.NDArray[Any]) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """Put actions within them; those that are already stay what they are.

        Args:
            actions: (..., action_dim).

        Returns:
            Actions, and (...) which of them exceeded the bounds by more than rounding.
        """
        if self._narrow[0] <= actions.min() and actions.max() <= self._narrow[1]:
            return actions, np.zeros(actions.shape[:-1], dtype=bool)
        exceeded = (actions < self._least) | (actions > self._most)
        return np.clip(actions, self._low, self._high), np.asarray(exceeded.any(axis=-1))


class _ExecutionNoise:
    """What comes between an expert's action and its execution, drawn ahead for whole episodes."""

    def __init__(
        self, family: TaskFamily, seeds: npt.NDArray[np.int64], execution_noise: float
    ) -> None:
        self._low, self._high = family.action_space.low, family.action_space.high
        shape = (family.info.horizon, *family.action_space.shape)
        streams = [
            np.random.default_rng(child_seed(int(seed), "execution noise")) for seed in seeds
        ]
        draws = np.stack([stream.normal(size=shape) for stream in streams], axis=1)
        scale = execution_noise * (self._high - self._low) / 2
        self._draws = (draws * scale).astype(np.float32)

    def added(self, actions: FloatArray, step: int) -> FloatArray:
        """The actions (num_envs, action_dim) as they are executed, within their bounds."""
        noisy: FloatArray = np.clip(actions + self._draws[step], self._low, self._high)
        return noisy
