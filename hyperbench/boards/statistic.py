"""Statistics of a row: what they are called, how they are computed, where they are shown.

``STATISTICS`` is the one list of them: rows are made by walking it, and so are tables, CSV and
JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hyperbench import statistics
from hyperbench.boards.headline import SCORE, SUCCESS
from hyperbench.boards.method_runs import MethodRuns, known
from hyperbench.boards.pairing import scores_by_run, strata
from hyperbench.boards.row import Estimate
from hyperbench.statistics import Interval
from hyperbench.statistics.scores import Array

Shown = Callable[[Sequence[Estimate]], bool]


def _always(column: Sequence[Estimate]) -> bool:  # noqa: ARG001 -- other rules look at it
    return True


def _never(column: Sequence[Estimate]) -> bool:  # noqa: ARG001 -- as above
    return False


def _where_known(column: Sequence[Estimate]) -> bool:
    return any(estimate.value is not None for estimate in column)


def _where_any(column: Sequence[Estimate]) -> bool:
    return any(estimate.value for estimate in column)


def _where_bounded(column: Sequence[Estimate]) -> bool:
    return any(estimate.interval for estimate in column)


@dataclass(frozen=True)
class Statistic:
    """One statistic of a row.

    Args:
        name: in CSV and JSON.
        heading: of its column in tables.
        value: computes it; None stands for "nothing to tell".
        num_decimals: that tables show; 0 for whole numbers.
        shown: whether a table of scores has its column, by all rows' estimates.
        interval: computes both ends of its 95 % interval.
        interval_name: what the interval is called in JSON.
        interval_heading: of its column in tables.
        interval_shown: whether they have it.
        factor: tables show it times this.
        is_timed: whether it differs between machines; such ones are last in CSV.
    """

    name: str
    heading: str
    value: Callable[[MethodRuns], float | None]
    num_decimals: int = 3
    shown: Shown = _always
    interval: Callable[[MethodRuns], Interval | None] | None = None
    interval_name: str = ""
    interval_heading: str = ""
    interval_shown: Shown = _where_bounded
    factor: float = 1
    is_timed: bool = False

    def estimate(self, runs: MethodRuns) -> Estimate:
        """The statistic of one method's runs."""
        low, high = (self.interval and self.interval(runs)) or (None, None)
        return Estimate(self.value(runs), low, high)


def _score(runs: MethodRuns) -> float | None:
    return known(SCORE.summarise(runs.scores()))


def _score_of(region: str) -> Callable[[MethodRuns], float | None]:
    return lambda runs: _score(runs.within("region", region))


def _mean_of(column: str) -> Callable[[MethodRuns], float | None]:
    return lambda runs: runs.mean(column)


def _score_interval(runs: MethodRuns) -> Interval | None:
    found = runs.resampled(SCORE.quantity, SCORE.resample)
    if found is None:
        return None
    # What random and the expert score is so by definition, in whatever number of runs.
    return _ends(found.interval) if runs.is_reference else statistics.interval_within_bounds(found)


def _iqm_interval(runs: MethodRuns) -> Interval | None:
    found = runs.resampled(SCORE.quantity, statistics.resample_iqm)
    return None if found is None else _ends(found.interval)


def _success_interval(runs: MethodRuns) -> Interval | None:
    """The interval of the families that report success; others have no rate."""
    reported = runs.table.dropna(subset="success_rate")
    if reported.empty:
        return None
    _, interval = statistics.proportion_interval(strata(scores_by_run(reported, "success_rate")))
    return None if interval is None else _ends(interval)


def _ends(interval: tuple[Array, Array]) -> Interval:
    return float(interval[0]), float(interval[1])


def _mean_length(runs: MethodRuns) -> float | None:
    """Control steps an episode, failed ones counted to the horizon; where some end at success."""
    return runs.mean("mean_length") if runs.suits(SUCCESS) else None


def _largest(cost: str) -> Callable[[MethodRuns], int | None]:
    def value(runs: MethodRuns) -> int | None:
        found = [getattr(record.cost, cost) for record in runs.finished]
        return max((size for size in found if size is not None), default=None)

    return value


def _mean_cost(cost: str) -> Callable[[MethodRuns], float | None]:
    def value(runs: MethodRuns) -> float | None:
        found = [getattr(record.cost, cost) for record in runs.finished]
        told = [seconds for seconds in found if seconds is not None]
        return float(np.mean(told)) if told else None

    return value


STATISTICS = (
    Statistic(
        "score",
        "score",
        _score,
        interval=_score_interval,
        interval_name="interval",
        interval_heading="95 % interval",
        interval_shown=_always,
    ),
    Statistic(
        "above_half",
        "above half",
        lambda runs: runs.above_half.value,
        interval=lambda runs: runs.above_half.interval,
        interval_name="above_half_interval",
        interval_shown=_never,
    ),
    Statistic("mean_return", "return", _mean_of("mean_return"), 1),
    Statistic(
        "success_rate",
        "success",
        _mean_of("success_rate"),
        shown=_where_known,
        interval=_success_interval,
        interval_name="success_interval",
        interval_heading="of success",
    ),
    Statistic("interpolation", "interp.", _score_of("interpolation")),
    Statistic("extrapolation", "extrap.", _score_of("extrapolation")),
    Statistic("num_runs", "runs", lambda runs: len(runs.finished), 0),
    Statistic(
        "num_failed",
        "failed",
        lambda runs: len(runs.records) - len(runs.finished),
        0,
        shown=_where_any,
    ),
    Statistic("num_parameters", "parameters", _largest("num_parameters"), 0),
    Statistic("policy_parameters", "policy parameters", _largest("policy_parameters"), 0),
    # Shared by methods that cannot be told apart.
    Statistic("rank", "rank", lambda runs: runs.rank, 0, shown=_where_known),
    Statistic(
        "mean_rank",
        "mean rank",
        lambda runs: runs.mean_rank.value,
        2,
        shown=_where_known,
        interval=lambda runs: runs.mean_rank.interval,
        interval_name="mean_rank_interval",
        interval_heading="of mean rank",
    ),
    Statistic(
        "iqm",
        "IQM",
        lambda runs: known(statistics.iqm(runs.scores())),
        interval=_iqm_interval,
        interval_name="iqm_interval",
        interval_heading="of IQM",
    ),
    Statistic("mean", "mean", lambda runs: known(statistics.mean(runs.scores()))),
    Statistic("median", "median", lambda runs: known(statistics.median(runs.scores()))),
    # How far scores fall short of 1 on average, those above 1 counted as 1.
    Statistic(
        "optimality_gap",
        "optimality gap",
        lambda runs: known(statistics.optimality_gap(runs.scores())),
    ),
    Statistic("mean_length", "steps", _mean_length, 1, shown=_where_known),
    # Share of episodes that succeed and at whose horizon this is still true.
    Statistic("lasting_rate", "lasting", _mean_of("lasting_rate"), shown=_where_known),
    Statistic("num_missing", "missing", lambda runs: runs.num_missing, 0, shown=_where_any),
    Statistic("fit_seconds", "fit [s]", _mean_cost("fit_seconds"), 1, is_timed=True),
    Statistic(
        "generate_seconds",
        "generate [ms]",
        _mean_cost("generate_seconds"),
        1,
        factor=1000,
        is_timed=True,
    ),
)
"""All statistics, in the order of a CSV file's columns."""
BY_NAME = {statistic.name: statistic for statistic in STATISTICS}
COSTS = ("num_parameters", "policy_parameters", "fit_seconds", "generate_seconds")
"""What the table of costs shows, of learned methods."""
OF_ONE_RUN = (
    *("score", "above_half", "mean_return", "success_rate", "lasting_rate", "mean_length"),
    *("interpolation", "extrapolation", *COSTS),
)
"""What one run has to say for itself: neither ranks nor counts."""
SUMMARIES = ("score", "iqm", "median", "mean", "optimality_gap")
"""What the same scores come to in other ways, as the report's table of them shows."""
