"""Demonstrations: expert episodes of several tasks, as a method receives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hyperbench.errors import DataError
from hyperbench.task import FloatArray, TaskSpec


@dataclass(frozen=True)
class Episode:
    """One expert episode.

    Args:
        observations: (length + 1, obs_dim), the last one seen after the last action.
        actions: (length, action_dim), in the units of the action space.
        rewards: (length,).
        terminated: whether the task ended the episode (True) or its horizon did (False).
        seed: what the environment was reset with.
    """

    observations: FloatArray
    actions: FloatArray
    rewards: FloatArray
    terminated: bool
    seed: int

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class Demonstrations:
    """Expert episodes of several tasks.

    Made by ``collect.load``; handed by the conductor to ``PolicyGenerator.fit`` (source and, apart,
    validation tasks) and, in the few-shot track, to ``generate`` as support.

    Args:
        specs: the tasks.
        episodes: for each task its episodes; lengths may differ.
        action_low: (action_dim,) smallest action.
        action_high: (action_dim,) largest action.
    """

    specs: tuple[TaskSpec, ...]
    episodes: tuple[tuple[Episode, ...], ...]
    action_low: FloatArray
    action_high: FloatArray

    def __post_init__(self) -> None:
        if not self.specs:
            raise DataError("Demonstrations of no task: give at least one.")
        if len(self.specs) != len(self.episodes):
            raise DataError(f"{len(self.specs)} tasks but episodes for {len(self.episodes)}.")
        for spec, episodes in zip(self.specs, self.episodes, strict=True):
            if not episodes:
                raise DataError(f"Task {spec.label} of {spec.family} has no demonstration.")

    @property
    def num_tasks(self) -> int:
        """How many tasks are demonstrated."""
        return len(self.specs)

    @property
    def observation_dim(self) -> int:
        """Length of an observation."""
        return int(self.episodes[0][0].observations.shape[1])

    @property
    def action_dim(self) -> int:
        """Length of an action."""
        return len(self.action_low)

    def observations(self, task: int) -> FloatArray:
        """All observations an action was taken in, of task ``task``: (num_steps, obs_dim)."""
        return np.concatenate([episode.observations[:-1] for episode in self.episodes[task]])

    def next_observations(self, task: int) -> FloatArray:
        """The observations that followed them: (num_steps, obs_dim)."""
        return np.concatenate([episode.observations[1:] for episode in self.episodes[task]])

    def actions(self, task: int) -> FloatArray:
        """All actions of task ``task``: (num_steps, action_dim)."""
        return np.concatenate([episode.actions for episode in self.episodes[task]])

    def select(self, specs: Sequence[TaskSpec]) -> Demonstrations:
        """The demonstrations of some of the tasks, in the order asked."""
        missing = [spec.label for spec in specs if spec.key not in self._positions]
        if missing:
            raise DataError(f"No demonstrations of {', '.join(missing)}.")
        chosen = tuple(self.episodes[self._positions[spec.key]] for spec in specs)
        return Demonstrations(tuple(specs), chosen, self.action_low, self.action_high)

    def first(self, num_episodes: int) -> Demonstrations:
        """Keep the first ``num_episodes`` episodes of every task.

        Raises:
            DataError: a task has fewer.
        """
        for spec, episodes in zip(self.specs, self.episodes, strict=True):
            if len(episodes) < num_episodes:
                raise DataError(
                    f"Task {spec.label} of {spec.family} has {len(episodes)} demonstrations, "
                    f"{num_episodes} are needed."
                )
        return replace(self, episodes=tuple(row[:num_episodes] for row in self.episodes))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {spec.key: i for i, spec in enumerate(self.specs)}
