"""Intervals of proportions, which stay within 0 and 1 and do not vanish at either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from hyperbench.statistics.resampling import (
    TAIL,
    degrees_of_freedom,
    enough_runs,
    stratum_variances,
)
from hyperbench.statistics.scores import Array


def wilson_interval(rate: npt.ArrayLike, num_trials: npt.ArrayLike) -> tuple[Array, Array]:
    """95 % interval of a proportion (Wilson 1927), element by element.

    The same as ``scipy.stats.binomtest(...).proportion_ci(method="wilson")``, for numbers of trials
    that need not be whole.

    Args:
        rate: the proportion seen, in [0, 1].
        num_trials: independent trials it was seen in.

    Returns:
        Low and high.
    """
    seen, num = np.asarray(rate, dtype=np.float64), np.asarray(num_trials, dtype=np.float64)
    z = stats.norm.ppf(1 - TAIL)
    centre = (seen + z**2 / (2 * num)) / (1 + z**2 / num)
    half = z * np.sqrt(seen * (1 - seen) / num + (z / (2 * num)) ** 2) / (1 + z**2 / num)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def proportion_interval(
    runs: Mapping[str, Sequence[Array]],
) -> tuple[Array, tuple[Array, Array] | None]:
    """A proportion seen in several runs, and its 95 % interval.

    Trials of one run are alike, so that they say less than as many independent ones would. How many
    they are worth follows from the spread between runs, and a few less because that spread is
    itself uncertain (Korn and Graubard 1998); with that number of trials the interval is Wilson's.
    Where all trials came out alike there is no spread to learn from, and the number is taken half
    way, in ratio, between one for each run and one for each trial.

    Args:
        runs: per stratum (family) the runs, each (num_trials, ...) numbers from 0 to 1.

    Returns:
        The proportion (...) of all trials together; low and high, or None where a stratum has too
        few runs or a number is missing.
    """
    strata = list(runs.values())
    units = [run for stratum in strata for run in stratum]
    if not units:
        return np.asarray(np.nan), None
    num_trials = sum(len(run) for run in units)
    rate = np.sum([run.sum(axis=0) for run in units], axis=0) / num_trials
    if not enough_runs(strata):
        return rate, None
    sizes = [len(stratum) for stratum in strata]
    influences = np.stack([(run - rate).sum(axis=0) for run in units]) / num_trials
    variances = stratum_variances(influences, sizes)
    quantile = stats.t.ppf(1 - TAIL, degrees_of_freedom(variances, sizes))
    alike = rate * (1 - rate) == 0
    variance = np.where(influences.any(axis=0), variances.sum(axis=0), 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        worth = np.minimum(rate * (1 - rate) / variance, num_trials)
    worth = np.where(alike, np.sqrt(len(units) * num_trials), worth)
    return rate, wilson_interval(rate, worth * (stats.norm.ppf(1 - TAIL) / quantile) ** 2)
