"""Two methods, and several, judged on the same tasks under the same seeds.

A *pair* is what both did in one run each: same family, split seed and fit seed, hence the same
target tasks and the same initial states. What made a split hard for both is thereby no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hyperbench.statistics.proportions import margin_of_mean, proportion_interval
from hyperbench.statistics.resampling import (
    NUM_RESAMPLES,
    ROUNDING,
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
        statistic: ``resample_iqm`` or ``resample_mean``.
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

    Where scores saturate, all pairs may differ by the same amount. That leaves no spread, and yet
    another pair may differ by more or less: how much is bounded by the number of pairs and tasks,
    each taken to differ by no more than random and expert, or failure and success, do.

    Args:
        one: of the one method's runs.
        other: of the other's, paired with them.
    """
    difference = one - other
    low, high = difference.interval
    if high - low <= ROUNDING:
        margin = margin_of_mean([[run.clip(-1, 1) for run in runs] for runs in difference.strata])
        low, high = low - margin, high + margin
    return float(low), float(high)


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
