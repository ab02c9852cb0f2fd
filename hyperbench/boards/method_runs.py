"""What a row is made of: all runs of one method, and what they scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperbench import statistics
from hyperbench.arms import DEMONSTRATOR, EXPERT, RANDOM
from hyperbench.boards.headline import Headline
from hyperbench.boards.pairing import scores_by_run, strata
from hyperbench.boards.row import Estimate
from hyperbench.records.record import RunRecord
from hyperbench.seeding import child_seed
from hyperbench.statistics import Resampled
from hyperbench.statistics.resampling import Strata
from hyperbench.statistics.scores import Array

if TYPE_CHECKING:
    import pandas as pd


Resample = Callable[[Strata, Array], Resampled]


@dataclass(frozen=True)
class MethodRuns:
    """What a row is made of.

    Args:
        label: of the row.
        records: all runs, failed ones too.
        table: the row's lines of ``scores.task_table``.
        num_missing: runs that the protocol asks for and of which there is no record.
        rank: among learned methods.
        mean_rank: among them, over families.
    """

    label: str
    records: Sequence[RunRecord]
    table: pd.DataFrame
    num_missing: int = 0
    rank: int | None = None
    mean_rank: Estimate = field(default_factory=Estimate)
    _resampled: dict[tuple[str, Resample], Resampled | None] = field(
        default_factory=dict, compare=False
    )

    @property
    def is_control(self) -> bool:
        """Whether the row is of a control."""
        return self.records[0].is_control

    @property
    def is_reference(self) -> bool:
        """Whether the row is of an arm that defines score 0 or score 1."""
        first = self.records[0]
        return first.is_arm and first.method in (RANDOM, EXPERT, DEMONSTRATOR)

    @property
    def finished(self) -> list[RunRecord]:
        """The runs that succeeded."""
        return [record for record in self.records if record.status == "ok"]

    @property
    def is_whole(self) -> bool:
        """Whether it has all runs it should have: what is left may be the easier ones."""
        return not self.num_missing and len(self.finished) == len(self.records)

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

    def strata(self, quantity: str = "score") -> dict[str, list[Array]]:
        """Per family its independent parts, see ``pairing.strata``."""
        return strata(scores_by_run(self.table, quantity))

    def resampled(self, quantity: str, resample: Resample) -> Resampled | None:
        """A statistic of all runs and of resamples; None where runs are too few.

        Args:
            quantity: the column of ``task_table`` that it is made of.
            resample: computes it.
        """
        key = (quantity, resample)
        if key not in self._resampled:
            self._resampled[key] = self._resample(quantity, resample)
        return self._resampled[key]

    def _resample(self, quantity: str, resample: Resample) -> Resampled | None:
        runs = scores_by_run(self.table, quantity)
        parts = list(strata(runs).values())
        if not statistics.enough_runs(parts):
            return None
        # The same resamples whenever the runs are the same: those of two methods are paired.
        rng = np.random.default_rng(child_seed(0, "bootstrap", *map(str, sorted(runs))))
        counts = statistics.draw_counts([len(part) for part in parts], rng)
        return resample(parts, counts)


def known(value: Any) -> float | None:
    """A number, or None where it is not finite."""
    return float(value) if np.isfinite(value) else None
