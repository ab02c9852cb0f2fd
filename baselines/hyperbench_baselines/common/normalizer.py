"""Observations and actions on the scale networks like; undone by the generated policies."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from hyperbench.demonstration import Demonstrations
from hyperbench.task import FloatArray

_SMALLEST_STD = 1e-3
"""An observation that hardly moves on the source tasks would explode on a target where it does. Of
the largest observation where that is below 1: small units must not pass for standing still."""


@dataclass(frozen=True)
class Normalizer:
    """Statistics of the source tasks.

    Args:
        observation_mean: (obs_dim,).
        observation_std: (obs_dim,), positive.
        action_low: (action_dim,) becomes -1.
        action_high: (action_dim,) becomes 1.
    """

    observation_mean: FloatArray
    observation_std: FloatArray
    action_low: FloatArray
    action_high: FloatArray

    @classmethod
    def of(cls, demonstrations: Demonstrations, *, raw: bool = False) -> Normalizer:
        """Measure the observations of all source tasks, each sample counting the same.

        Args:
            demonstrations: of the source tasks.
            raw: leave observations as they are.
        """
        if raw:
            size = demonstrations.observation_dim
            return cls(
                np.zeros(size, np.float32),
                np.ones(size, np.float32),
                np.asarray(demonstrations.action_low, np.float32),
                np.asarray(demonstrations.action_high, np.float32),
            )
        everything = np.concatenate(
            [demonstrations.observations(task) for task in range(demonstrations.num_tasks)]
        ).astype(np.float64)
        largest = float(np.abs(everything).max()) or 1.0
        smallest_std = _SMALLEST_STD * min(largest, 1.0)
        return cls(
            everything.mean(axis=0).astype(np.float32),
            np.maximum(everything.std(axis=0), smallest_std).astype(np.float32),
            np.asarray(demonstrations.action_low, np.float32),
            np.asarray(demonstrations.action_high, np.float32),
        )

    def observations(self, raw: FloatArray) -> FloatArray:
        """(..., obs_dim) -> (..., obs_dim), mean 0 and deviation 1 on the source tasks."""
        return ((raw - self.observation_mean) / self.observation_std).astype(np.float32)

    def actions(self, raw: FloatArray) -> FloatArray:
        """(..., action_dim) in the action space's units -> (..., action_dim) in [-1, 1].

        A component whose bounds are equal, such as a locked gripper, has nothing to learn: 0.
        """
        half_range = (self.action_high - self.action_low) / 2
        moves = half_range > 0
        scaled = (raw - self.action_low) / np.where(moves, half_range, 1.0) - 1.0
        return np.where(moves, scaled, 0.0).astype(np.float32)

    def to_arrays(self) -> dict[str, FloatArray]:
        """Named arrays, as a safetensors file stores them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Name the arrays."""
        return tuple(field.name for field in fields(cls))
