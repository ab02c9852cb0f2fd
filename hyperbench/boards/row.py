"""What a board holds; made by ``leaderboard``, shown by ``view`` and ``report``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hyperbench.boards.headline import Headline


@dataclass(frozen=True)
class Estimate:
    """A number and the 95 % interval around it.

    Args:
        value: None stands for "nothing to tell".
        low: lower end of the interval; None where there is none.
        high: upper end.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Low and high end, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Row:
    """One method, or control, on a board.

    Args:
        method: as a board names it.
        is_control: whether it knows more or less than a method may: a control arm, or a learned
            method with faulty specs.
        estimates: per statistic, by name, its value; see ``statistic.STATISTICS``.
        by_family: per headline, by name, its value in each family.
    """

    method: str
    is_control: bool
    estimates: Mapping[str, Estimate]
    by_family: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)

    def __getitem__(self, statistic: str) -> Estimate:
        """The estimate of that name; without a value where there is nothing to tell."""
        return self.estimates.get(statistic, Estimate())


@dataclass(frozen=True)
class Board:
    """One protocol's rows, best first, over the families its records are of.

    Args:
        title: suite and protocol, as far as boards beside it differ in them.
        families: labels of the columns.
        rows: best first.
        failures: one line per failed run: which, and why.
        notes: what a reader must know to read the numbers rightly.
        headline: what orders and ranks the rows.
    """

    title: str
    families: tuple[str, ...]
    rows: tuple[Row, ...]
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    headline: Headline

    def of_family(self, row: Row, family: str) -> float | None:
        """A row's headline in one family."""
        return row.by_family.get(self.headline.name, {}).get(family)
