"""Reward functions of the locomotion suites, vectorised over environments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hyperbench_locomotion.physics import Array

RewardFunction = Callable[[Array, Array], Array]
"""(speeds, targets) -> rewards, each (num_envs,)."""

VALUE_AT_MARGIN = 0.1


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
