"""Two methods judged on the same tasks under the same seeds.

A *pair* is what both did in one run each: same family, split seed and fit seed, hence the same
target tasks and the same initial states. What made a split hard for both is thereby no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import special

from hyperbench.statistics.proportions import deviation_of_mean, proportion_interval
from hyperbench.statistics.resampling import (
    NUM_RESAMPLES,
    ROUNDING,
    TAIL,
    Interval,
    Resampled,
    Strata,
    draw_counts,
    enough_runs,
    resample_iqm,
)
from hyperbench.statistics.scores import Array

Pairs = Mapping[str, Sequence[Array]]
"""Per stratum (family) the pairs, each (num_tasks, 2): scores of the one and the other method."""


def difference_interval(
    pairs: Pairs,
    rng: np.random.Generator,
    *,
    statistic: Callable[[Strata, Array], Resampled] = resample_iqm,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval | None:
    """95 % interval of the one's statistic minus the other's, resampling whole pairs.

    Args:
        pairs: the pairs.
        rng: of the resampling.
        statistic: ``resample_iqm``, ``resample_mean`` or ``resample_clipped_mean``.
        num_resamples: how many.

    Returns:
        (low, high), or None where a stratum has too few pairs or a score is missing.
    """
    strata = [sorted(stratum, key=lambda pair: pair.tolist()) for stratum in pairs.values()]
    if not enough_runs(strata):
        return None
    counts = draw_counts([len(stratum) for stratum in strata], rng, num_resamples)
    one, other = (
        statistic([[pair[:, side] for pair in stratum] for stratum in strata], counts)
        for side in (0, 1)
    )
    return paired_interval(one, other)


def paired_interval(one: Resampled, other: Resampled) -> Interval:
    """95 % interval of the one statistic minus the other.

    Args:
        one: of the one method's runs.
        other: of the other's, paired with them.
    """
    estimate, deviation, degrees = _difference(one, other)
    half = float(special.stdtrit(degrees, 1 - TAIL)) * deviation
    return estimate - half, estimate + half


def p_value(one: Resampled, other: Resampled) -> float:
    """How often a difference as large as that of two statistics comes by chance alone, two-sided.

    It is below 5 % where ``paired_interval``, with the same arguments, does not contain 0.
    """
    estimate, deviation, degrees = _difference(one, other)
    return float(2 * special.stdtr(degrees, -abs(estimate) / deviation))


def _difference(one: Resampled, other: Resampled) -> tuple[float, float, float]:
    """How much two paired statistics differ, its standard deviation and degrees of freedom.

    Where scores saturate, all pairs may differ by the same amount. That leaves no spread, and yet
    another pair may differ by more or less: how much is bounded by the number of pairs and tasks,
    each taken to differ by no more than random and expert, or failure and success, do.
    """
    difference = one - other
    deviation, degrees = difference.deviation
    if deviation <= ROUNDING:
        bounded = [[run.clip(-1, 1) for run in runs] for runs in difference.strata]
        deviation, degrees = deviation_of_mean(bounded)
    return float(difference.estimate), float(deviation), float(degrees)


def probability_of_improvement(pairs: Pairs) -> tuple[float, Interval | None]:
    """How likely the one method does better than the other on a target task (ties count half).

    Agarwal et al. (2021) compare every run of the one with every run of the other; here the runs of
    a pair are compared, task by task.

    Args:
        pairs: the pairs.

    Returns:
        The probability, NaN where a score is missing; its 95 % interval, or None where a stratum
        has too few pairs.
    """
    better = {
        name: [(np.sign(pair[:, 0] - pair[:, 1]) + 1) / 2 for pair in stratum]
        for name, stratum in pairs.items()
    }
    probability, interval = proportion_interval(better)
    return float(probability), interval and (float(interval[0]), float(interval[1]))
