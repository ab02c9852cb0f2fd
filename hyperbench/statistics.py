"""Statistics of scores: pure functions on arrays, randomness passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MIN_RUNS_FOR_INTERVAL = 3
"""Fewer runs say nothing about the spread between runs."""
_LEVEL = 0.95


def score(returns: Array, random: Array, expert: Array) -> Array:
    """Rescale returns so that the random policy scores 0 and the expert 1 on the same task.

    Not clipped: a policy may be worse than random or better than the expert. NaN where random and
    expert earn the same: such a task cannot tell policies apart.

    Args:
        returns: mean returns, any shape.
        random: the random policy's, broadcastable to it.
        expert: the expert's, likewise.
    """
    span = np.where(expert == random, np.nan, expert - random)
    return (returns - random) / span


def iqm(scores: npt.ArrayLike) -> float:
    """Interquartile mean: the mean of the middle half (Agarwal et al. 2021).

    NaN of nothing, and where a score is missing (NaN), which must not pass for the highest and be
    trimmed. The same to the last digit in whatever order the scores come.
    """
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=None)
    if not ordered.size or np.isnan(ordered[-1]):
        return float("nan")
    num_trimmed = ordered.size // 4
    return float(ordered[num_trimmed : ordered.size - num_trimmed].mean())


def bootstrap_interval(
    runs: Mapping[str, Sequence[Array]],
    rng: np.random.Generator,
    *,
    statistic: Callable[[Array], float] = iqm,
    num_resamples: int = 2000,
) -> tuple[float, float] | None:
    """95 % percentile interval of a statistic, resampling whole runs within each stratum.

    Tasks of one run share a split, an initialisation and a fit, so the run is what is resampled.

    Args:
        runs: per stratum (family) the runs, each an array of its tasks' scores.
        rng: of the resampling.
        statistic: of the pooled scores.
        num_resamples: how many.

    Returns:
        (low, high), or None where a stratum has fewer than ``MIN_RUNS_FOR_INTERVAL`` runs.
    """
    if not runs or min(len(stratum) for stratum in runs.values()) < MIN_RUNS_FOR_INTERVAL:
        return None
    values = np.empty(num_resamples)
    for i in range(num_resamples):
        resampled = [
            stratum[chosen]
            for stratum in runs.values()
            for chosen in rng.integers(0, len(stratum), len(stratum))
        ]
        values[i] = statistic(np.concatenate(resampled))
    tail = (1 - _LEVEL) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)
