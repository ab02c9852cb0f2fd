"""What demonstrated steps were worth: the targets of a value function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.task import FloatArray


def returns_to_go(episode: Episode, discount: float) -> FloatArray:
    """Discounted sum of the rewards from each step on: (length,), in units of reward.

    An episode that its horizon ended would have gone on. It is taken to have gone on at the mean
    reward of its last half, for otherwise steps would be worth the less the later they come, in
    states that look the same.

    Args:
        episode: a demonstrated one.
        discount: gamma, below 1.
    """
    rewards = episode.rewards.astype(np.float64)
    value = 0.0
    if not episode.terminated:
        value = float(rewards[len(rewards) // 2 :].mean()) / (1 - discount)
    values = np.empty(len(rewards))
    for step in reversed(range(len(rewards))):
        value = values[step] = rewards[step] + discount * value
    return values.astype(np.float32)


def reward_unit(demonstrations: Demonstrations) -> float:
    """Measure the root mean square of rewards, each step counting the same; 1 where all are 0.

    Args:
        demonstrations: of the source tasks.

    Returns:
        A positive number, in the task's unit of reward.
    """
    return _unit([episode.rewards for row in demonstrations.episodes for episode in row])


def _unit(numbers: Sequence[FloatArray]) -> float:
    """What to divide numbers by, so that their root mean square is 1."""
    return float(np.sqrt(np.mean(np.concatenate(numbers).astype(np.float64) ** 2))) or 1.0


@dataclass(frozen=True)
class Valuation:
    """How the steps of a fit are valued.

    Args:
        discount: gamma, below 1.
        unit: what rewards and values are divided by, so that errors compare with those of actions
            and weights of a loss mean the same in every family: the root mean square of the source
            tasks' values. With rewards in [0, 1] and a discount of 0.99 it is at most 100.
    """

    discount: float
    unit: float

    @classmethod
    def of(cls, demonstrations: Demonstrations, discount: float) -> Valuation:
        """Measure the unit on the source tasks, each step counting the same."""
        values = [
            returns_to_go(episode, discount) for row in demonstrations.episodes for episode in row
        ]
        return cls(discount, _unit(values))

    def columns(self, episodes: tuple[Episode, ...]) -> FloatArray:
        """Value the steps of one task's episodes.

        Returns:
            (num_steps, 3): reward and value, in units of ``unit``, and between them what the value
            of the next step is discounted by: 0 where the task ended the episode.
        """
        parts = []
        for episode in episodes:
            discounts = np.full(len(episode), self.discount, np.float32)
            if episode.terminated:
                discounts[-1] = 0.0
            values = returns_to_go(episode, self.discount)
            parts.append([episode.rewards / self.unit, discounts, values / self.unit])
        return np.concatenate(parts, axis=1).T.astype(np.float32)
