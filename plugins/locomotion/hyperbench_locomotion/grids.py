"""Which specs the families consist of: the published grids, and what tracking drops of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperbench_locomotion.body import Body

LENGTH_FAMILY_TARGET = 1.0
"""Target speed [m/s or rad/s] of families without the feature ``speed``, HyperZero's default: the
positive direction, which is forwards."""
_LENGTH_STEP = 0.01
_JOINT_LENGTH_STEP = 0.05


def grid(suite: str, body: Body, features: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """The values of each feature; a family's tasks are all their combinations.

    - ``speed``: every ``speed_step`` up to ``max_speed``, in both directions, without 0: 40 specs
      of cheetah and walker, 30 of the finger.
    - ``length``: every centimetre: 41, 41 and 31 specs.
    - both: HyperZero's example, five speeds by steps of 5 cm, with each speed in both directions,
      because all three bodies can go both ways and the speed families ask for it: 10 speeds by 9
      lengths, 90 specs of cheetah and walker, and by 7 lengths, 70 specs of the finger. The example
      gives the cheetah's speeds, 1 to 5 m/s, and fits the walker; the finger's are three times
      these numbers, so that they too span the range of its speed family.

    Tracking drops the speeds outside ``tracking_range``, which no expert reaches, and those slower
    than ``slowest_tracked``, which earn most at rest.

    Args:
        suite: ``"locomotion"`` or ``"tracking"``.
        body: whose grid.
        features: ``speed``, ``length`` or both.

    Returns:
        Ascending values by feature, in the feature's unit.
    """
    joint = len(features) > 1
    speeds = body.speeds()
    if joint:
        speeds = (*(-s for s in reversed(body.joint_speeds)), *body.joint_speeds)
    if suite == "tracking":
        low, high = body.tracking_range
        slowest = body.slowest_tracked
        speeds = tuple(s for s in speeds if low <= s <= high and abs(s) >= slowest)
    values = {
        "speed": speeds,
        "length": _every(*body.length_range, _JOINT_LENGTH_STEP if joint else _LENGTH_STEP),
    }
    return {name: values[name] for name in features}


def _every(low: float, high: float, step: float) -> tuple[float, ...]:
    values = np.linspace(low, high, round((high - low) / step) + 1)
    return tuple(round(float(value), 9) for value in values)
