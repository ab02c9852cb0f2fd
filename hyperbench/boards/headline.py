"""Headlines: the statistics that order and rank a board's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hyperbench import statistics
from hyperbench.family import FamilyInfo
from hyperbench.statistics.resampling import Resampled, Strata
from hyperbench.statistics.scores import Array


@dataclass(frozen=True)
class Headline:
    """The statistic that orders and ranks a board's rows.

    Args:
        name: of the statistic, see ``statistic.STATISTICS``.
        quantity: the column of ``task_table`` that it is made of.
        summarise: computes it of the quantity's values.
        resample: computes it of runs and of resamples, for the differences that decide ranks.
        title: begins the title of the table of families.
        axis: what an axis says that shows it.
        legend: what a reader must know of it, below a board.
        columns: which statistics a table of scores shows, in this order, as far as there is
            something to show.
        by_family: what its values in each family are called in JSON.
        suffix: of a family's column in CSV.
        notion: the field of ``FamilyInfo`` that says whether it suits a family; None: it always
            does.
        num_decimals: per statistic that is shown with others than usual.
    """

    name: str
    quantity: str
    summarise: Callable[[Array], float]
    resample: Callable[[Strata, Array], Resampled]
    title: str
    axis: str
    legend: str
    columns: tuple[str, ...]
    by_family: str
    suffix: str = ""
    notion: str | None = None
    num_decimals: Mapping[str, int] = field(default_factory=dict)

    def suits(self, info: FamilyInfo) -> bool:
        """Whether it tells something of such a family."""
        return self.notion is None or bool(getattr(info, self.notion))


_SCORES = (
    "score: on each target task random = 0 and expert = 1, counted as 0 below and as 1 above; the "
    "mean over runs x target tasks."
)
_ABOVE = " above half: the share of them that score more than 1/2."
_REGIONS = ("interpolation", "extrapolation")
_COUNTS = ("num_runs", "num_failed", "num_missing")
_SUCCESSES = ("success_rate", "lasting_rate", "mean_length")
SCORE = Headline(
    name="score",
    quantity="score",
    summarise=statistics.clipped_mean,
    resample=statistics.resample_clipped_mean,
    title="Score",
    axis="score",
    legend=_SCORES + _ABOVE,
    columns=("rank", "score", "above_half", "mean_return", *_SUCCESSES, *_REGIONS, *_COUNTS),
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
"""Where all episodes end at success, return says no more, and the rate needs no expert."""
HEADLINES = (SCORE, SUCCESS)


def headline_of(families: Sequence[FamilyInfo]) -> Headline:
    """What orders and ranks methods on these families: the last headline that suits all."""
    return [h for h in HEADLINES if all(h.suits(info) for info in families)][-1]
