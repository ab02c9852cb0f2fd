"""Reward functions of the locomotion suites, vectorised over environments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hyperbench_locomotion.physics import Array

RewardFunction = Callable[[Array, Array], Array]
"""(speeds, targets) -> rewards, each (num_envs,)."""

VALUE_AT_MARGIN = 0.1
TRACKING_TOLERANCE = 0.1
"""Relative error of speed that tracking forgives entirely."""


def speed_reward(speed: Array, target: Array) -> Array:
    """Reward running at least as fast as the target, in the target's direction.

    This is dm_control's ``tolerance(sign(target) * speed, bounds=(|target|, inf), margin=|target|,
    sigmoid='linear', value_at_margin=0.1)``, the reward of HyperZero and HyPoGen. It saturates: any
    speed beyond the target earns the full reward.

    Args:
        speed: (num_envs,) signed speed, in the unit of ``target`` (m/s for the cheetah).
        target: (num_envs,) signed target speed, never 0.

    Returns:
        (num_envs,) rewards in [0, 1].
    """
    sloped = VALUE_AT_MARGIN + (1.0 - VALUE_AT_MARGIN) * speed / target
    # dm_control's linear sigmoid: 1 inside the bounds, a straight line outside, never below 0.
    return np.clip(sloped, 0.0, 1.0)


def tracking_reward(speed: Array, target: Array, slow: float) -> Array:
    """Reward running as fast as the target: neither slower nor faster.

    With ``scale = max(|target|, slow)`` this is the square of dm_control's ``tolerance(speed,
    bounds=(target - 0.1 * scale, target + 0.1 * scale), margin=0.9 * scale, sigmoid='linear',
    value_at_margin=0)``: full within 10 % of the target, a quarter at about half and at one and a
    half times the target, 0 at a standstill and at twice the target. It falls to 0 no sooner than
    at the standstill so that a body at rest has something to gain by starting, and the square keeps
    a compromise between many targets from paying (docs/tracking.md). Gaits are uneven, so below
    ``slow`` the tolerance stays that of ``slow``.

    Args:
        speed: (num_envs,) signed speed, in the unit of ``target``.
        target: (num_envs,) signed target speed, never 0.
        slow: the body's ``slow_speed``, in the unit of ``target``.

    Returns:
        (num_envs,) rewards in [0, 1].
    """
    error = np.abs(speed - target) / np.maximum(np.abs(target), slow)
    result: Array = np.clip((1.0 - error) / (1.0 - TRACKING_TOLERANCE), 0.0, 1.0) ** 2
    return result


class RecentMean:
    """Mean of each environment's values since its episode began, the recent ones weighing most.

    A value of ``memory`` ago weighs 1/e of the present one.

    Args:
        num_envs: environments.
        memory: in values; with 0 the mean is the present value.
    """

    def __init__(self, num_envs: int, memory: float) -> None:
        self._decay = np.exp(-1.0 / memory) if memory > 0 else 0.0
        self._sums: Array = np.zeros(num_envs)
        self._weights: Array = np.zeros(num_envs)

    def restart(self, chosen: npt.NDArray[np.int64]) -> None:
        """Forget what the chosen environments have shown."""
        self._sums[chosen] = 0.0
        self._weights[chosen] = 0.0

    def update(self, values: Array) -> Array:
        """Take in the present values (num_envs,) and return the means (num_envs,)."""
        self._sums = self._decay * self._sums + values
        self._weights = self._decay * self._weights + 1.0
        return self._sums / self._weights


def gaussian_tolerance(value: Array, lower: float, margin: float) -> Array:
    """dm_control's ``tolerance(value, bounds=(lower, inf), margin=margin)``.

    Args:
        value: any shape.
        lower: from where the result is 1.
        margin: distance below ``lower`` at which the result is 0.1.

    Returns:
        The shape of ``value``, in [0, 1]: 1 from ``lower`` upwards.
    """
    distance = np.maximum(lower - value, 0.0) / margin
    result: Array = np.power(VALUE_AT_MARGIN, distance**2)
    return result
