"""Playing policies: the one loop in which a policy meets an environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import PolicyBatch, info_key
from hyperbench.protocol import EvalProtocol
from hyperbench.seeding import child_seed
from hyperbench.split import Split
from hyperbench.task import FloatArray, TaskSpec

Watch = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], None]
"""Sees each step: observations, actions, rewards, next observations, each by task and episode."""
EpisodeProgress = Callable[[int, int], None]
"""Told (steps done, horizon)."""

_PROGRESS_EVERY = 50
_JUDGED_ROOT = 0
"""Judged episodes are part of the benchmark: every method plays the same ones."""


@dataclass(frozen=True)
class EpisodeColumn:
    """What is known of each episode under one name.

    Args:
        name: in files.
        field: of ``EpisodeTable``.
        kind: of its values, as NumPy abbreviates it: integer, float or boolean.
        mean: what a task's mean over its episodes is called; None where it tells nothing.
        notion: the field of ``FamilyInfo`` that says whether a family has it; None: all have.
    """

    name: str
    field: str
    kind: Literal["i", "f", "b"]
    mean: str | None = None
    notion: str | None = None

    def belongs_to(self, info: FamilyInfo) -> bool:
        """Whether episodes of such a family have it."""
        return self.notion is None or bool(getattr(info, self.notion))


EPISODE_COLUMNS = (
    EpisodeColumn("seed", "seeds", "i"),
    EpisodeColumn("return", "returns", "f", mean="mean_return"),
    EpisodeColumn("length", "lengths", "i", mean="mean_length"),
    EpisodeColumn("terminated", "terminated", "b"),
    EpisodeColumn("success", "successes", "b", mean="success_rate", notion="has_success"),
    EpisodeColumn("lasting", "lasting", "b", mean="lasting_rate", notion="ends_at_success"),
)
"""Whatever is known of an episode, in the order of a file's columns."""


@dataclass(frozen=True)
class EpisodeTable:
    """What was measured: one entry per episode, all arrays (num_tasks, num_episodes).

    Args:
        tasks: the tasks, in row order.
        seeds: what each episode's environment was reset with.
        returns: sum of rewards.
        lengths: control steps.
        successes: whether ``info["success"]`` was true at the end; None without the notion.
        terminated: whether the task, rather than the horizon, ended the episode.
        lasting: where episodes end at success: whether ``info["success"]`` was true at the horizon.
    """

    tasks: tuple[TaskSpec, ...]
    seeds: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]
    successes: npt.NDArray[np.bool_] | None
    terminated: npt.NDArray[np.bool_]
    lasting: npt.NDArray[np.bool_] | None = None

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """What is known, by the names of ``EPISODE_COLUMNS``, (num_tasks, num_episodes) each."""
        known = {column.name: getattr(self, column.field) for column in EPISODE_COLUMNS}
        return {name: values for name, values in known.items() if values is not None}

    def replaced(self, where: npt.NDArray[np.intp], other: EpisodeTable) -> EpisodeTable:
        """Take the episodes of some tasks from another table.

        Args:
            where: (num_replaced,) rows of this table.
            other: its rows, in this order, are put there.
        """
        changed: dict[str, Any] = {}
        for column in EPISODE_COLUMNS:
            if (values := getattr(self, column.field)) is not None:
                changed[column.field] = values.copy()
                changed[column.field][where] = getattr(other, column.field)
        return replace(self, **changed)

    def take(self, rows: npt.NDArray[np.intp]) -> EpisodeTable:
        """The rows at the given positions."""
        taken: dict[str, Any] = {"tasks": tuple(self.tasks[i] for i in rows)}
        for column in EPISODE_COLUMNS:
            if (values := getattr(self, column.field)) is not None:
                taken[column.field] = values[rows]
        return replace(self, **taken)


def episode_seeds(
    root: int, purpose: str, tasks: Sequence[TaskSpec], num_episodes: int
) -> npt.NDArray[np.int64]:
    """Seeds (num_tasks, num_episodes) that depend on task, purpose and episode index alone.

    Args:
        root: one number for the whole measurement.
        purpose: keeps, for instance, demonstrations apart from judged episodes.
        tasks: the tasks.
        num_episodes: episodes per task.
    """
    seeds = [
        [child_seed(root, purpose, task.key, i) for i in range(num_episodes)] for task in tasks
    ]
    return np.array(seeds, dtype=np.int64)


def judged_seeds(split: Split, protocol: EvalProtocol) -> npt.NDArray[np.int64]:
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
) -> EpisodeTable:
    """Play every policy on its task, all tasks and episodes at once.

    Args:
        family: makes the environments.
        tasks: task ``i`` is played by policy ``i``.
        policies: from a generator, or experts.
        seeds: (num_tasks, num_episodes), one per episode.
        num_threads: threads a family may use for physics; results do not depend on it.
        execution_noise: as of ``FamilyInfo``; each episode draws from a stream of its own.
        watch: sees every step, e.g. to record demonstrations; actions before the noise.
        progress: told now and then how far the episodes are.

    Returns:
        One entry per episode.

    Raises:
        ValueError: tasks, policies, seeds and actions do not fit each other in shape.
        FloatingPointError: before its end an episode has an observation, an action or a reward that
            is not finite; says where.
    """
    num_tasks, num_episodes = seeds.shape
    if not len(tasks) == num_tasks == policies.num_tasks:
        raise ValueError(f"{len(tasks)} tasks, {policies.num_tasks} policies, seeds {seeds.shape}")
    horizon = family.info.horizon
    noise = _ExecutionNoise(family, seeds.ravel(), execution_noise) if execution_noise else None
    shown_key = info_key(policies)
    env = family.make_vec([task for task in tasks for _ in range(num_episodes)], num_threads)
    try:
        policies.reset()
        flat, infos = env.reset(seed=[int(seed) for seed in seeds.ravel()])  # type: ignore[arg-type]
        running = np.ones(seeds.size, dtype=bool)
        returns = np.zeros(seeds.size)
        lengths = np.zeros(seeds.size, dtype=np.int64)
        successes = np.zeros(seeds.size, dtype=bool)
        ended_by_task = np.zeros(seeds.size, dtype=bool)
        for step in range(horizon):
            observations = flat.astype(np.float32, copy=False).reshape(num_tasks, num_episodes, -1)
            _refuse_non_finite("observation", observations, running, family, tasks, step)
            shown = observations
            if shown_key is not None:
                shown = infos[shown_key].astype(np.float32).reshape(num_tasks, num_episodes, -1)
            actions = policies.act(shown)
            if actions.shape != (*seeds.shape, *family.action_space.shape):
                raise ValueError(
                    f"Policies answered with actions of shape {actions.shape}, expected "
                    f"{(*seeds.shape, *family.action_space.shape)}."
                )
            # What a finished episode's simulation still does is nobody's business.
            _refuse_non_finite("action", actions, running, family, tasks, step)
            executed = actions.reshape(seeds.size, -1)
            if noise is not None:
                executed = noise.added(executed, step)
            flat, rewards, terminations, truncations, infos = env.step(executed)
            if watch is not None:
                following = flat.reshape(num_tasks, num_episodes, -1)
                watch(observations, actions, rewards.reshape(seeds.shape), following)
            returns[running] += rewards[running]
            lengths[running] += 1
            if family.info.has_success:
                success = np.asarray(infos["success"], dtype=bool)
                successes[running] = success[running]
                if family.info.ends_at_success:
                    terminations = terminations | success
            ended_by_task |= running & terminations
            running &= ~(terminations | truncations)
            if progress is not None and (step + 1) % _PROGRESS_EVERY == 0:
                progress(step + 1, horizon)
            if not running.any() and not family.info.ends_at_success:
                break
    finally:
        env.close()
    if not np.isfinite(returns).all():
        raise FloatingPointError("A return is not finite: the simulation diverged.")
    return EpisodeTable(
        tasks=tuple(tasks),
        seeds=seeds,
        returns=returns.reshape(seeds.shape),
        lengths=lengths.reshape(seeds.shape),
        successes=successes.reshape(seeds.shape) if family.info.has_success else None,
        terminated=ended_by_task.reshape(seeds.shape),
        lasting=success.reshape(seeds.shape) if family.info.ends_at_success else None,
    )


def _refuse_non_finite(
    what: str,
    values: npt.NDArray[Any],
    running: npt.NDArray[np.bool_],
    family: TaskFamily,
    tasks: Sequence[TaskSpec],
    step: int,
) -> None:
    """Refuse what a running episode shows or does at a step, (num_tasks, num_episodes, ...)."""
    if np.isfinite(values).all():
        return
    broken = ~np.isfinite(values.reshape(running.size, -1)).all(axis=1) & running
    if broken.any():
        task = tasks[int(broken.argmax()) // values.shape[1]]
        whose = "A policy's" if what == "action" else "The environment's"
        raise FloatingPointError(
            f"{whose} {what} is not finite at step {step} of {family.info.id}, {task.label}."
        )


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
