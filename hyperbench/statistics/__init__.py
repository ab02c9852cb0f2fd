"""Statistics of scores: pure functions on arrays, randomness passed in."""

from hyperbench.statistics.comparison import (
    difference_interval,
    p_value,
    paired_interval,
    probability_of_improvement,
)
from hyperbench.statistics.curves import DistanceBin, performance_profile, score_by_distance
from hyperbench.statistics.proportions import (
    interval_within_bounds,
    proportion_interval,
    wilson_interval,
)
from hyperbench.statistics.ranks import holm, mean_ranks, ranks
from hyperbench.statistics.resampling import (
    MIN_RUNS_FOR_INTERVAL,
    Interval,
    Resampled,
    bootstrap_interval,
    draw_counts,
    enough_runs,
    resample_clipped_mean,
    resample_iqm,
    resample_mean,
)
from hyperbench.statistics.scores import (
    clipped_mean,
    earns_more,
    ends_of_scale,
    iqm,
    mean,
    median,
    optimality_gap,
    score,
    t_interval,
)

__all__ = [
    "MIN_RUNS_FOR_INTERVAL",
    "DistanceBin",
    "Interval",
    "Resampled",
    "bootstrap_interval",
    "clipped_mean",
    "difference_interval",
    "draw_counts",
    "earns_more",
    "ends_of_scale",
    "enough_runs",
    "holm",
    "interval_within_bounds",
    "iqm",
    "mean",
    "mean_ranks",
    "median",
    "optimality_gap",
    "p_value",
    "paired_interval",
    "performance_profile",
    "probability_of_improvement",
    "proportion_interval",
    "ranks",
    "resample_clipped_mean",
    "resample_iqm",
    "resample_mean",
    "score",
    "score_by_distance",
    "t_interval",
    "wilson_interval",
]
