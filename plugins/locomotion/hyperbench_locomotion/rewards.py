"""Reward functions of the locomotion suites, vectorised over environments."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

VALUE_AT_MARGIN = 0.1


def speed_reward(
    speed: npt.NDArray[np.float64], target: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
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
    margin = np.abs(target)
    shortfall = (margin - np.sign(target) * speed) / margin
    sloped = 1.0 - (1.0 - VALUE_AT_MARGIN) * shortfall
    # dm_control's linear sigmoid: 1 inside the bounds, a straight line outside, never below 0.
    return np.clip(sloped, 0.0, 1.0)
