"""Statistics of a row: what they are called, how they are computed, where they are shown.

``STATISTICS`` is the one list of them: rows are made by walking it, and so are tables, CSV and
JSON. ``HEADLINES`` are those that may order and rank the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperbench import statistics
from hyperbench.boards.pairing import scores_by_run, strata
from hyperbench.boards.row import Estimate, Headline
from hyperbench.records.record import RunRecord
from hyperbench.seeding import child_seed
from hyperbench.statistics import Interval, Resampled
from hyperbench.statistics.scores import Array

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class MethodRuns:
    """What a row is made of.

    Args:
        label: of the row.
        records: all runs, failed ones too.
        table: the row's lines of ``scores.task_table``.
        num_missing: runs that the protocol asks for and of which there is no record.
        rank: among learned methods.
    """

    label: str
    records: Sequence[RunRecord]
    table: pd.DataFrame
    num_missing: int = 0
    rank: int | None = None
    _resampled: dict[str, Resampled | None] = field(default_factory=dict, compare=False)

    @property
    def is_control(self) -> bool:
        """Whether the row is of a control."""
        return self.records[0].is_control

    @property
    def finished(self) -> list[RunRecord]:
        """The runs that succeeded."""
        return [record for record in self.records if record.status == "ok"]

    def suits(self, headline: Headline) -> bool:
        """Whether a headline tells something of any of the row's families."""
        return any(headline.suits(record.family_info) for record in self.records)

    def within(self, column: str, value: str) -> MethodRuns:
        """Restrict the row to some of its lines, such as those of one family or region."""
        return replace(self, table=self.table[self.table[column] == value], _resampled={})

    def mean(self, column: str) -> float | None:
        """Mean of a column; None where no line has a value."""
        return known(self.table[column].mean())

    def scores(self) -> Array:
        """All scores, (num_runs * num_tasks,)."""
        return self.table["score"].to_numpy(float)

    def resampled(self, headline: Headline) -> Resampled | None:
        """A headline of all runs and of resamples; None where runs are too few."""
        if headline.name not in self._resampled:
            self._resampled[headline.name] = self._resample(headline)
        return self._resampled[headline.name]

    def _resample(self, headline: Headline) -> Resampled | None:
        runs = scores_by_run(self.table, headline.quantity)
        parts = list(strata(runs).values())
        if not statistics.enough_runs(parts):
            return None
        # The same resamples whenever the runs are the same: those of two methods are paired.
        rng = np.random.default_rng(child_seed(0, "bootstrap", *map(str, sorted(runs))))
        counts = statistics.draw_counts([len(part) for part in parts], rng)
        return headline.resample(parts, counts)


def known(value: Any) -> float | None:
    """A number, or None where it is not finite."""
    return float(value) if np.isfinite(value) else None


Shown = Callable[[Sequence[Estimate]], bool]


def _always(column: Sequence[Estimate]) -> bool:  # noqa: ARG001 -- other rules look at it
    return True


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
    found = runs.resampled(SCORE)
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
    # Shared where the paired interval of the difference contains 0.
    Statistic("rank", "rank", lambda runs: runs.rank, 0, shown=_where_known),
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

_SCORES = (
    "score: random = 0, expert = 1 on each target task; interquartile mean over runs x target "
    "tasks."
)
_REGIONS = ("interpolation", "extrapolation")
_COUNTS = ("num_runs", "num_failed", "num_missing")
_SUCCESSES = ("success_rate", "lasting_rate", "mean_length")
SCORE = Headline(
    name="score",
    quantity="score",
    summarise=statistics.iqm,
    resample=statistics.resample_iqm,
    title="Score",
    axis="score (IQM)",
    legend=_SCORES,
    columns=("rank", "score", "mean_return", *_SUCCESSES, *_REGIONS, *_COUNTS),
    by_family="family_scores",
)
SUCCESS = Headline(
    name="success_rate",
    quantity="success_rate",
    summarise=statistics.mean,
    resample=statistics.resample_mean,
    title="Success",
    axis="success rate",
    legend=_SCORES,
    columns=("rank", *_SUCCESSES, "mean_return", "score", *_REGIONS, *_COUNTS),
    by_family="family_successes",
    suffix=" success",
    notion="ends_at_success",
    num_decimals={"mean_return": 2},
)
"""Where all episodes end at success, scores are near 0 or 1 and their interquartile mean hides
much."""
HEADLINES = (SCORE, SUCCESS)


def headline_of(records: Sequence[RunRecord]) -> Headline:
    """What orders and ranks a board of these runs: the last headline that suits all of them."""
    return [h for h in HEADLINES if all(h.suits(record.family_info) for record in records)][-1]
