"""Intervals from few runs: a stratified bootstrap over whole runs, widened for their number.

Tasks of one run share a split, an initialisation and a fit, so the run is what is resampled, within
its stratum (family). The percentiles of such a bootstrap are too narrow where runs are few, for two
reasons: resamples of n runs vary less than samples of n runs, by (n - 1) / n, and a spread
estimated from n runs is itself uncertain. So the interval here is the statistic plus and minus the
standard deviation of the resamples, freed of the first flaw, times the quantile of Student's t,
which allows for the second. ``docs/decisions/005-intervals-from-few-runs.md`` has the coverage
measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from hyperbench.statistics.scores import Array, iqm, mean

Strata = Sequence[Sequence[Array]]
"""Per stratum (family) its runs, each an array of scores."""
Interval = tuple[float, float]
Ends = tuple[Array, Array] | Interval
"""Low and high: of an array of estimates, or of one."""

MIN_RUNS_FOR_INTERVAL = 3
"""Fewer runs say nothing about the spread between runs."""
NUM_RESAMPLES = 2000
TAIL = 0.025
"""Half of what a 95 % interval leaves out."""
ROUNDING = 1e-9
"""Numbers within a few units that differ by less are equal."""
_CHUNK = 2**18
"""Numbers worked on at a time: they stay in the processor's cache."""


@dataclass(frozen=True)
class Resampled:
    """A statistic of some runs and of resamples of them.

    Statistics of two sets of runs may be subtracted where both come from the same ``draw_counts``:
    their resamples are paired.

    Args:
        estimate: of the runs as they are; a number or an array (...).
        influences: (num_runs, ...), how far each run pulls the estimate; to first order their sum
            varies as the estimate does.
        drawn: (num_resamples, ...), the statistic of each resample.
        strata: the runs.
    """

    estimate: Array
    influences: Array
    drawn: Array
    strata: Strata

    def __sub__(self, other: Resampled) -> Resampled:
        return Resampled(
            estimate=self.estimate - other.estimate,
            influences=self.influences - other.influences,
            drawn=self.drawn - other.drawn,
            strata=[
                [_minus(run, partner) for run, partner in zip(*both, strict=True)]
                for both in zip(self.strata, other.strata, strict=True)
            ],
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of runs of each stratum."""
        return sizes_of(self.strata)

    @property
    def deviation(self) -> tuple[Array, Array]:
        """Standard deviation of the estimate, and degrees of freedom of what is known of it."""
        shares = stratum_variances(self.influences, self.sizes)
        shares = np.where(shares.sum(axis=0) > 0, shares, 1.0)
        sizes = _column(self.sizes, shares.ndim)
        # A resample of n runs has (n - 1) / n of the variance of a sample, stratum by stratum.
        correction = shares.sum(axis=0) / (shares * (sizes - 1) / sizes).sum(axis=0)
        spread = self.drawn.std(axis=0, ddof=1) * np.sqrt(correction)
        return spread, degrees_of_freedom(shares, self.sizes)

    @property
    def interval(self) -> tuple[Array, Array]:
        """95 % interval: low and high, each shaped as the estimate."""
        deviation, degrees = self.deviation
        half = special.stdtrit(degrees, 1 - TAIL) * deviation
        return self.estimate - half, self.estimate + half


def stratum_variances(influences: Array, sizes: Sequence[int]) -> Array:
    """Which part of an estimate's variance comes from which stratum, to first order.

    Args:
        influences: (num_runs, ...), as in ``Resampled``.
        sizes: number of runs of each stratum.

    Returns:
        (num_strata, ...) variances.
    """
    parts = np.split(influences, np.cumsum(sizes)[:-1])
    return np.stack([len(part) * part.var(axis=0, ddof=1) for part in parts])


def degrees_of_freedom(variances: Array, sizes: Sequence[int]) -> Array:
    """Degrees of freedom of a sum of variances, each from few runs (Satterthwaite 1946).

    Args:
        variances: (num_strata, ...).
        sizes: number of runs of each stratum.
    """
    terms = variances**2 / (_column(sizes, variances.ndim) - 1)
    return np.asarray(variances.sum(axis=0) ** 2 / terms.sum(axis=0))


def draw_counts(
    sizes: Sequence[int], rng: np.random.Generator, num_resamples: int = NUM_RESAMPLES
) -> Array:
    """Draw all resamples at once: how often each run occurs in each.

    Args:
        sizes: number of runs of each stratum; as many are drawn from it, with replacement.
        rng: of the resampling.
        num_resamples: how many.

    Returns:
        (num_resamples, num_runs), whole numbers.
    """
    drawn = [rng.multinomial(size, np.full(size, 1 / size), num_resamples) for size in sizes]
    return np.concatenate(drawn, axis=1).astype(np.float64)


def resample_iqm(strata: Strata, counts: Array) -> Resampled:
    """The interquartile mean of all scores together, and of resampled runs.

    Args:
        strata: the runs.
        counts: from ``draw_counts``.
    """
    values, run, sizes = _flat(strata)
    order = np.argsort(values, kind="stable")
    values, run = values[order], run[order]
    num_trimmed = values.size // 4
    # A trimmed mean feels a value as far as it is not cut off, hence winsorised (Huber 1981).
    felt = np.clip(values, values[num_trimmed], values[-1 - num_trimmed])
    influences = np.bincount(run, felt - felt.mean(), sum(sizes)) / (values.size - 2 * num_trimmed)
    steps = np.diff(values)
    drawn = []
    for part in np.array_split(counts, -(-counts.shape[0] * values.size // _CHUNK)):
        num_up_to = part.take(run, axis=1)  # (resamples, values)
        np.cumsum(num_up_to, axis=1, out=num_up_to)
        num_all = num_up_to[:, -1].copy()
        trimmed = num_all // 4
        np.clip(num_up_to, trimmed[:, None], (num_all - trimmed)[:, None], out=num_up_to)
        # The sum over kept values, by parts: no second array of that size is needed.
        total = (num_all - trimmed) * values[-1] - trimmed * values[0] - num_up_to[:, :-1] @ steps
        drawn.append(total / (num_all - 2 * trimmed))
    return Resampled(np.asarray(iqm(values)), influences, np.concatenate(drawn), strata)


def resample_mean(strata: Strata, counts: Array) -> Resampled:
    """The mean of all scores together, and of resampled runs; arguments as ``resample_iqm``."""
    values, run, sizes = _flat(strata)
    sums = np.bincount(run, values, sum(sizes))
    lengths = np.bincount(run, minlength=sum(sizes))
    estimate = mean(values)
    influences = (sums - lengths * estimate) / values.size
    drawn = (counts @ sums) / (counts @ lengths)
    return Resampled(np.asarray(estimate), influences, drawn, strata)


def resample_clipped_mean(strata: Strata, counts: Array) -> Resampled:
    """The mean of scores cut off below 0 and above 1; arguments as ``resample_iqm``."""
    return resample_mean([[run.clip(0, 1) for run in stratum] for stratum in strata], counts)


def bootstrap_interval(
    runs: Mapping[str, Sequence[Array]],
    rng: np.random.Generator,
    *,
    statistic: Callable[[Strata, Array], Resampled] = resample_iqm,
    interval: Callable[[Resampled], Ends] = lambda found: found.interval,
    num_resamples: int = NUM_RESAMPLES,
) -> Interval | None:
    """95 % interval of a statistic of all scores together, resampling runs within each stratum.

    Args:
        runs: per stratum (family) the runs, each an array of its tasks' scores.
        rng: of the resampling.
        statistic: ``resample_iqm``, ``resample_mean`` or ``resample_clipped_mean``.
        interval: made of the resamples; by default the statistic plus and minus as much.
        num_resamples: how many.

    Returns:
        (low, high), or None where a stratum has fewer than ``MIN_RUNS_FOR_INTERVAL`` runs or a
        score is missing.
    """
    strata = [_in_order(stratum) for stratum in runs.values()]
    if not enough_runs(strata):
        return None
    counts = draw_counts([len(stratum) for stratum in strata], rng, num_resamples)
    low, high = interval(statistic(strata, counts))
    return float(low), float(high)


def sizes_of(strata: Strata) -> tuple[int, ...]:
    """Number of runs of each stratum."""
    return tuple(len(stratum) for stratum in strata)


def enough_runs(strata: Strata) -> bool:
    """Whether an interval can be had: three runs in each stratum and no score missing."""
    return (
        bool(strata)
        and min(len(stratum) for stratum in strata) >= MIN_RUNS_FOR_INTERVAL
        and all(run.size and not np.isnan(run).any() for stratum in strata for run in stratum)
    )


def _in_order(stratum: Sequence[Array]) -> list[Array]:
    """Runs ordered by content, so that the order in which they came changes nothing."""
    return sorted((np.sort(run) for run in stratum), key=lambda run: run.tolist())


def _minus(run: Array, partner: Array) -> Array:
    """Trial by trial; where one has more fits on the split, what both come to."""
    if run.shape == partner.shape:
        return run - partner
    return np.array([run.mean() - partner.mean()])


def _flat(strata: Strata) -> tuple[Array, npt.NDArray[np.intp], tuple[int, ...]]:
    """All scores in one array, the run that each belongs to, and the size of each stratum."""
    runs = [run for stratum in strata for run in stratum]
    return (
        np.concatenate(runs),
        np.repeat(np.arange(len(runs)), [len(run) for run in runs]),
        sizes_of(strata),
    )


def _column(sizes: Sequence[int], ndim: int) -> Array:
    return np.asarray(sizes, dtype=np.float64).reshape(-1, *[1] * (ndim - 1))
