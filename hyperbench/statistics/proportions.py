"""Intervals of what lies within bounds, which hold where runs, or all trials, came out alike.

A spread of nothing between few runs is no knowledge that there is none. What it leaves open is
known from the number of trials instead: bounded as they are, those not seen can do no more than so
much. ``docs/decisions/006-intervals-where-runs-agree.md`` has what was compared, and the coverage;
``docs/decisions/008-a-headline-that-sees-failure.md`` that of a mean of scores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from hyperbench.statistics.resampling import (
    ROUNDING,
    TAIL,
    Interval,
    Resampled,
    Strata,
    degrees_of_freedom,
    enough_runs,
    sizes_of,
    stratum_variances,
)
from hyperbench.statistics.scores import Array

_Z = float(special.ndtri(1 - TAIL))


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
    centre = (seen + _Z**2 / (2 * num)) / (1 + _Z**2 / num)
    half = _Z * np.sqrt(seen * (1 - seen) / num + (_Z / (2 * num)) ** 2) / (1 + _Z**2 / num)
    # At 0 and 1 an end is the rate itself, whatever the rounding.
    return np.clip(centre - half, 0, seen), np.clip(centre + half, seen, 1)


def proportion_interval(
    runs: Mapping[str, Sequence[Array]],
) -> tuple[Array, tuple[Array, Array] | None]:
    """A proportion seen in several runs, and its 95 % interval.

    Trials of one run are alike, so that they say less than as many independent ones would. How many
    they are worth is found stratum by stratum, and the variance of each stratum's rate from that,
    the rate drawn towards a half by as many trials as Agresti and Coull (1998) add. The sum of the
    variances says how many trials of a single proportion are worth as much, and a few less because
    it is itself uncertain (Korn and Graubard 1998); with that number the interval is Wilson's.

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
    rate = np.sum([run.sum(axis=0) for run in units], axis=0) / sum(len(run) for run in units)
    if not enough_runs(strata):
        return rate, None
    found = _Sampled.of(strata)
    worth = found.worth(found.means * (1 - found.means))
    drawn = (found.means * worth + _Z**2 / 2) / (worth + _Z**2)
    variances = found.weights**2 * drawn * (1 - drawn) / worth
    rates = (found.weights * drawn).sum(axis=0)
    total = rates * (1 - rates) / variances.sum(axis=0)
    quantile = special.stdtrit(degrees_of_freedom(variances, found.sizes), 1 - TAIL)
    return rate, wilson_interval(rate, total * (_Z / quantile) ** 2)


def interval_within_bounds(found: Resampled) -> Interval:
    """95 % interval of a mean of numbers from 0 to 1, whose ends are such numbers, too.

    It is ``found.interval`` on the scale of log-odds, where the nearer bound is as far away as the
    other one. Without a spread between runs it is that of a proportion.

    Args:
        found: ``resample_clipped_mean`` of the runs.
    """
    deviation, degrees = found.deviation
    if deviation <= ROUNDING:
        _, interval = proportion_interval({str(i): runs for i, runs in enumerate(found.strata)})
        low, high = interval or (found.estimate, found.estimate)
    else:
        quantile = special.stdtrit(degrees, 1 - TAIL)
        half = quantile * deviation / (found.estimate * (1 - found.estimate))
        low, high = (special.expit(special.logit(found.estimate) + way * half) for way in (-1, 1))
    return float(low), float(high)


def deviation_of_mean(strata: Strata) -> tuple[Array, Array]:
    """Standard deviation of the mean of numbers from -1 to 1, and its degrees of freedom.

    As in ``proportion_interval``, but symmetric: each stratum has a few trials of -1 and 1 added.

    Args:
        strata: per stratum (family) its runs, each (num_trials, ...); three in each at least.
    """
    found = _Sampled.of(strata)
    worth = found.worth(np.maximum(found.squares - found.means**2, 0))  # but for rounding
    means = found.means * worth / (worth + _Z**2)
    squares = (found.squares * worth + _Z**2) / (worth + _Z**2)
    variances = found.weights**2 * (squares - means**2) / worth
    return np.sqrt(variances.sum(axis=0)), degrees_of_freedom(variances, found.sizes)


@dataclass(frozen=True)
class _Sampled:
    """What trials in runs tell of each stratum; arrays are (num_strata, ...).

    Args:
        sizes: number of runs of each stratum.
        num_trials: of each stratum, all runs together.
        means: of its trials.
        squares: the mean of their squares.
        between: variance of the mean as the spread between runs has it.
    """

    sizes: tuple[int, ...]
    num_trials: Array
    means: Array
    squares: Array
    between: Array

    @classmethod
    def of(cls, strata: Strata) -> _Sampled:
        together = [np.concatenate(list(stratum)) for stratum in strata]
        means = np.stack([trials.mean(axis=0) for trials in together])
        influences = np.stack(
            [
                (run - mean).sum(axis=0) / len(trials)
                for stratum, trials, mean in zip(strata, together, means, strict=True)
                for run in stratum
            ]
        )
        sizes = sizes_of(strata)
        return cls(
            sizes=sizes,
            num_trials=np.array([len(trials) for trials in together], dtype=np.float64).reshape(
                -1, *[1] * (means.ndim - 1)
            ),
            means=means,
            squares=np.stack([(trials**2).mean(axis=0) for trials in together]),
            between=stratum_variances(influences, sizes),
        )

    @property
    def weights(self) -> Array:
        """Each stratum's share of all trials."""
        return np.asarray(self.num_trials / self.num_trials.sum(axis=0))

    def worth(self, variances: Array) -> Array:
        """How many independent trials a stratum's are worth.

        As many as the spread between runs says, and no more than there are. Where hardly any trial
        came out unlike the others there is no spread to learn from, and the number is taken half
        way, in ratio, between one for each run and one for each trial: wholly where none did, half
        as much where one did, and so on.

        Args:
            variances: of a single trial, (num_strata, ...).
        """
        sizes = np.reshape(np.array(self.sizes, dtype=np.float64), self.num_trials.shape)
        between = np.where(self.between > ROUNDING**2, self.between, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = np.fmin(variances / between, self.num_trials)
        cautious = np.minimum(np.sqrt(sizes * self.num_trials), seen)
        doubt = 1 / (1 + self.num_trials * variances)
        return np.asarray(seen ** (1 - doubt) * cautious**doubt)
