"""Several methods judged on the same tasks under the same seeds: who is ahead of whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

from hyperbench.statistics.proportions import deviation_of_mean
from hyperbench.statistics.resampling import (
    MIN_RUNS_FOR_INTERVAL,
    ROUNDING,
    TAIL,
    Interval,
    degrees_of_freedom,
    stratum_variances,
)
from hyperbench.statistics.scores import Array


def ranks(scores: Sequence[float | None], beats: Callable[[int, int], bool]) -> list[int | None]:
    """Ranks with ties: 1, 1, 3 where the second cannot be told from the first.

    From the best score down, each shares the rank of the best one that does not beat it, or begins
    a rank of its own: a rank says how many were above, and one more.

    Args:
        scores: of each competitor; None does not take part.
        beats: whether competitor ``i`` is surely better than ``j``; asked only where ``i`` has the
            better score and leads a rank.

    Returns:
        The rank of each competitor.
    """
    found: list[int | None] = [None] * len(scores)
    taking_part = [i for i, score in enumerate(scores) if score is not None]
    leader = None
    for above, i in enumerate(sorted(taking_part, key=lambda i: -(scores[i] or 0.0))):
        if leader is None or beats(leader, i):
            leader = i
            found[i] = above + 1
        else:
            found[i] = found[leader]
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number, so that all together err as seldom as one (Holm 1979).

    With those below 5 % taken for differences, the chance that any of them is none is at most 5 %,
    however the comparisons depend on each other.

    Args:
        p_values: of all comparisons that were made.

    Returns:
        The adjusted ones, in the same order.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * values[order]), 1)
    return [float(value) for value in adjusted]


def mean_ranks(values: Sequence[Array]) -> list[tuple[float, Interval | None]]:
    """Mean rank of each competitor over families, and its 95 % interval.

    Competitors are ranked within each part of a family, such as a split, which all of them were
    judged on; equal ones share the mean of the ranks they take (Friedman 1937). A family counts as
    one, whatever the number of its parts; what varies is a rank from part to part. Where it never
    does, the number of parts bounds how much it may, as in ``paired_interval``.

    Args:
        values: per family (num_competitors, num_parts), the higher the better; two competitors at
            least.

    Returns:
        Each competitor's mean rank; low and high, or None where a family has too few parts.
    """
    from scipy import stats  # which takes a second, and no run needs it

    last = len(values[0])
    sizes = [family.shape[1] for family in values]
    # From -1 for the first to 1 for the last.
    places = [2 * (stats.rankdata(-family, axis=0) - 1) / (last - 1) - 1 for family in values]
    unit = (last - 1) / 2
    means = 1 + unit * (1 + np.mean([family.mean(axis=1) for family in places], axis=0))
    if min(sizes) < MIN_RUNS_FOR_INTERVAL:
        return [(float(mean), None) for mean in means]
    influences = [family.T / family.shape[1] / len(places) for family in places]
    variances = stratum_variances(np.concatenate(influences), sizes)
    alike, alike_degrees = deviation_of_mean([list(family.T[:, None]) for family in places])
    varies = variances.sum(axis=0) > ROUNDING**2
    variances = np.where(varies, variances, 1.0)
    deviations = np.where(varies, np.sqrt(variances.sum(axis=0)), alike)
    degrees = np.where(varies, degrees_of_freedom(variances, sizes), alike_degrees)
    half = special.stdtrit(degrees, 1 - TAIL) * unit * deviations
    low, high = np.maximum(means - half, 1), np.minimum(means + half, last)
    return [
        (float(mean), (float(start), float(end)))
        for mean, start, end in zip(means, low, high, strict=True)
    ]
