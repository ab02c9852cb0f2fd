"""Scores as curves: over thresholds, and over the distance to what was learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hyperbench.statistics.proportions import interval_within_bounds, proportion_interval
from hyperbench.statistics.resampling import Interval, bootstrap_interval, resample_clipped_mean
from hyperbench.statistics.scores import Array, clipped_mean


def performance_profile(
    runs: Mapping[str, Sequence[Array]], thresholds: Array
) -> tuple[Array, tuple[Array, Array] | None]:
    """Which share of runs x tasks scores above each threshold (Agarwal et al. 2021).

    Args:
        runs: per stratum (family) the runs, each an array of its tasks' scores.
        thresholds: (num_thresholds,).

    Returns:
        (num_thresholds,) shares, NaN where a score is missing; the 95 % band, low and high, at each
        threshold by itself, or None where a stratum has too few runs.
    """
    above = {
        name: [
            np.where(np.isnan(run)[:, None], np.nan, run[:, None] > thresholds) for run in stratum
        ]
        for name, stratum in runs.items()
    }
    return proportion_interval(above)


@dataclass(frozen=True)
class DistanceBin:
    """Scores of the target tasks at some distance from the nearest source spec.

    Args:
        low: least distance, included.
        high: greatest, included in the last bin alone.
        num_scores: runs x tasks in it.
        mean: of the scores, each clipped to 0 and 1.
        interval: 95 %, of the mean; None where a family has tasks there in too few runs.
    """

    low: float
    high: float
    num_scores: int
    mean: float
    interval: Interval | None


def score_by_distance(
    runs: Mapping[str, Sequence[Array]], rng: np.random.Generator, num_bins: int = 8
) -> list[DistanceBin]:
    """Score against distance to the nearest source spec, in bins with equally many scores.

    Args:
        runs: per stratum (family) the runs, each (num_tasks, 2): distance and score.
        rng: of the resampling.
        num_bins: at most; fewer where few distances differ.

    Returns:
        The bins, nearest first; empty without scores.
    """
    everything = [run for stratum in runs.values() for run in stratum]
    if not everything:
        return []
    distances = np.concatenate([run[:, 0] for run in everything])
    edges = np.unique(np.quantile(distances, np.linspace(0, 1, num_bins + 1)))
    if len(edges) == 1:
        edges = np.repeat(edges, 2)
    bins = []
    for i, (low, high) in enumerate(pairwise(edges)):
        inside: dict[str, list[Array]] = {}
        for name, stratum in runs.items():
            for run in stratum:
                bin_of = np.searchsorted(edges[1:-1], run[:, 0], side="right")
                if (bin_of == i).any():
                    inside.setdefault(name, []).append(run[bin_of == i, 1])
        if inside:
            scores = np.concatenate([run for stratum in inside.values() for run in stratum])
            interval = bootstrap_interval(
                inside, rng, statistic=resample_clipped_mean, interval=interval_within_bounds
            )
            found = clipped_mean(scores)
            bins.append(DistanceBin(float(low), float(high), scores.size, found, interval))
    return bins
