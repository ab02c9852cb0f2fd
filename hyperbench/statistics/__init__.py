"""Statistics of scores: pure functions on arrays, randomness passed in."""

from hyperbench.statistics.comparison import (
    difference_interval,
    paired_interval,
    probability_of_improvement,
    ranks,
)
from hyperbench.statistics.curves import DistanceBin, performance_profile, score_by_distance
from hyperbench.statistics.proportions import proportion_interval, wilson_interval
from hyperbench.statistics.resampling import (
    MIN_RUNS_FOR_INTERVAL,
    Interval,
    Resampled,
    bootstrap_interval,
    draw_counts,
    enough_runs,
    resample_iqm,
    resample_mean,
)
from hyperbench.statistics.scores import earns_more, iqm, mean, median, optimality_gap, score

__all__ = [
    "MIN_RUNS_FOR_INTERVAL",
    "DistanceBin",
    "Interval",
    "Resampled",
    "bootstrap_interval",
    "difference_interval",
    "draw_counts",
    "earns_more",
    "enough_runs",
    "iqm",
    "mean",
    "median",
    "optimality_gap",
    "paired_interval",
    "performance_profile",
    "probability_of_improvement",
    "proportion_interval",
    "ranks",
    "resample_iqm",
    "resample_mean",
    "score",
    "score_by_distance",
    "wilson_interval",
]
