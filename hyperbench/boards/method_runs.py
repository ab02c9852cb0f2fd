"""What a row is made of: all runs of one method, and what they scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperbench import statistics
from hyperbench.boards.headline import Headline
from hyperbench.boards.pairing import RunKey, scores_by_run, strata
from hyperbench.boards.row import Estimate
from hyperbench.records.record import RunRecord
from hyperbench.registry.own import DEMONSTRATOR, EXPERT, RANDOM
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
    _by_run: dict[str, dict[RunKey, Array]] = field(default_factory=dict, compare=False)
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
        lines = self.table[self.table[column] == value]
        return replace(self, table=lines, _by_run={}, _resampled={})

    def mean(self, column: str) -> float | None:
        """Mean of a column; None where no line has a value."""
        return known(self.table[column].mean())

    def scores(self) -> Array:
        """All scores, (num_runs * num_tasks,)."""
        return self.table["score"].to_numpy(float)

    def by_run(self, quantity: str) -> dict[RunKey, Array]:
        """Per run its target tasks' values, see ``pairing.scores_by_run``."""
        if quantity not in self._by_run:
            self._by_run[quantity] = scores_by_run(self.table, quantity)
        return self._by_run[quantity]

    def strata(self, quantity: str) -> dict[str, list[Array]]:
        """Per family its independent parts, see ``pairing.strata``."""
        return strata(self.by_run(quantity))

    @cached_property
    def above_half(self) -> Estimate:
        """Share of runs x target tasks whose score is above one half."""
        shares, band = statistics.performance_profile(self.strata("score"), np.array([0.5]))
        low, high = (None, None) if band is None else (band[0].item(), band[1].item())
        return Estimate(known(shares.item()), low, high)

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
        parts = list(self.strata(quantity).values())
        if not statistics.enough_runs(parts):
            return None
        # The same resamples whenever the runs are the same: those of two methods are paired.
        runs = sorted(self.by_run(quantity))
        rng = np.random.default_rng(child_seed(0, "bootstrap", *map(str, runs)))
        counts = statistics.draw_counts([len(part) for part in parts], rng)
        return resample(parts, counts)


def known(value: Any) -> float | None:
    """A number, or None where it is not finite."""
    return float(value) if np.isfinite(value) else None
