"""Comparisons: one method against another, run by run and task by task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hyperbench import statistics
from hyperbench.boards.headline import SCORE
from hyperbench.boards.leaderboard import BoardTable, board_tables
from hyperbench.boards.method_runs import known
from hyperbench.boards.pairing import RunKey, scores_by_run, strata
from hyperbench.boards.power import MOST_RUNS, num_runs_needed, spreads
from hyperbench.errors import DataError, UnknownNameError
from hyperbench.seeding import child_seed
from hyperbench.statistics.scores import Array
from hyperbench.table import Table, bracket, fixed

EVERYTHING = "all families"


@dataclass(frozen=True)
class Comparison:
    """Two methods on one family, or on all together, over the pairs of runs that both finished.

    None stands for "nothing to tell": too few pairs for an interval, or no scores.
    """

    family: str
    num_pairs: int
    one_score: float | None
    """The one method's score over the pairs."""
    other_score: float | None
    difference: float | None
    """The one's score less the other's."""
    difference_interval: statistics.Interval | None
    probability: float | None
    """How likely the one earns more on a target task; where both earn the same, half."""
    probability_interval: statistics.Interval | None


@dataclass(frozen=True)
class BoardComparison:
    """Two rows of a board: by family, and all families together last where there are several."""

    protocol: str
    one: str
    other: str
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]
    """One line per run that only one of the two has finished."""

    planned: int | None = None
    """Pairs of seeds that would show a difference as large as the one found; None where the runs
    do not say."""

    @property
    def sentence(self) -> str:
        """The result in words, with the sign of the table."""
        overall = self.comparisons[-1]
        if overall.probability is None or overall.difference is None:
            return f"{self.one} and {self.other} have no scores to compare under {self.protocol}."
        probability = f"{overall.probability:.2f}{_bracket(overall.probability_interval, 2)}"
        size = f"{overall.difference:+.3f}{_bracket(overall.difference_interval, 3)}"
        return (
            f"{self.one} beats {self.other} with probability {probability}; its score less the "
            f"other's is {size} ({self.protocol}, {overall.family}). {self.verdict}"
        )

    @property
    def verdict(self) -> str:
        """Whether the two are told apart, and how many runs would do it if not."""
        overall = self.comparisons[-1]
        pairs = f"{overall.num_pairs} pair{'s' * (overall.num_pairs != 1)} of runs"
        if overall.difference is None or overall.difference_interval is None:
            return f"Whether they differ cannot be told from {pairs}."
        low, high = overall.difference_interval
        if low > 0 or high < 0:
            return f"Told apart with {pairs}: {self.one if low > 0 else self.other} scores higher."
        if self.planned is None:
            return f"Not told apart with {pairs}."
        most = ">" if self.planned >= MOST_RUNS else ""
        return (
            f"Not told apart with {pairs}; for a difference of {abs(overall.difference):.3f} "
            f"`plan` says {most}{self.planned:,}."
        )


def compare(folders: Iterable[Path], one: str, other: str) -> list[BoardComparison]:
    """Compare two methods on every board that has both.

    Args:
        folders: run folders, as ``find.find_runs`` lists them.
        one: a row, as the board names it.
        other: another one.

    Raises:
        UnknownNameError: no board has such a row.
        DataError: no board has both, or what ``make_boards`` raises.
    """
    parts = {part.title: part for part in board_tables(folders)}
    boards_of = {
        name: [title for title, part in parts.items() if (part.table["method"] == name).any()]
        for name in sorted({str(name) for part in parts.values() for name in part.table["method"]})
    }
    for name in (one, other):
        if name not in boards_of:
            hint = "A method without a finished run cannot be compared."
            raise UnknownNameError("row", name, boards_of, hint)
    shared = [title for title in boards_of[one] if title in boards_of[other]]
    if not shared:
        raise DataError(
            f"{one!r} and {other!r} are on no board together: {one!r} under "
            f"{', '.join(boards_of[one])}, {other!r} under {', '.join(boards_of[other])}. "
            "Run both under one protocol."
        )
    found = [compare_rows(title, parts[title].table, one, other) for title in shared]
    return [replace(each, planned=_planned(each, parts[each.protocol])) for each in found]


def compare_rows(protocol: str, table: pd.DataFrame, one: str, other: str) -> BoardComparison:
    """Compare two rows of one board, without how many runs would tell them apart.

    Args:
        protocol: names the board.
        table: of its scores, as of ``task_table``.
        one: a row of it.
        other: another one.
    """
    lines = [table[table["method"] == name] for name in (one, other)]
    runs = [scores_by_run(part, SCORE.quantity) for part in lines]
    is_arm = [bool(part["is_arm"].any()) for part in lines]
    if is_arm[0] != is_arm[1]:
        arm = is_arm.index(True)
        runs[arm] = _for_each_fit(runs[arm], runs[1 - arm])
    first, second = runs
    pairs = {
        key: np.column_stack([first[key], second[key]]) for key in sorted(first.keys() & second)
    }
    families = sorted({key.family for key in (*first, *second)})
    comparisons = [
        _comparison(family, {key: pair for key, pair in pairs.items() if key.family == family})
        for family in families
    ]
    if len(families) > 1:
        comparisons.append(_comparison(EVERYTHING, pairs))
    missing = [
        f"{key}: no finished run of {other if key in first else one}"
        for key in sorted(first.keys() ^ second.keys())
    ]
    return BoardComparison(protocol, one, other, tuple(comparisons), tuple(missing))


def _planned(found: BoardComparison, part: BoardTable) -> int | None:
    difference = found.comparisons[-1].difference
    try:
        seen = spreads(part.runs, part.table, found.one, found.other)
    except DataError:  # too few episodes, or tasks without a score
        return None
    if not seen or not difference:
        return None
    return num_runs_needed(
        [spread.variance(spread.num_episodes) for spread in seen], abs(difference)
    )


def _for_each_fit(
    arm: Mapping[RunKey, Array], learned: Mapping[RunKey, Array]
) -> dict[RunKey, Array]:
    """An arm's runs as partners of a method's: all fits on one split meet the same one."""
    by_split = {(key.family, key.split_seed): scores for key, scores in arm.items()}
    partners = {
        key: by_split[key.family, key.split_seed]
        for key in learned
        if (key.family, key.split_seed) in by_split
    }
    met = {(key.family, key.split_seed) for key in partners}
    alone = {key: arm[key] for key in arm if (key.family, key.split_seed) not in met}
    return alone | partners


def _comparison(family: str, pairs: Mapping[RunKey, Array]) -> Comparison:
    if not pairs:
        return Comparison(family, 0, None, None, None, None, None, None)
    both = np.concatenate(list(pairs.values()))
    one_score, other_score = (SCORE.summarise(both[:, side]) for side in (0, 1))
    parts = strata(pairs)
    rng = np.random.default_rng(child_seed(0, "comparison", *map(str, pairs)))
    probability, probability_interval = statistics.probability_of_improvement(parts)
    return Comparison(
        family=family,
        num_pairs=len(pairs),
        one_score=known(one_score),
        other_score=known(other_score),
        difference=known(one_score - other_score),
        difference_interval=statistics.difference_interval(parts, rng, statistic=SCORE.resample),
        probability=known(probability),
        probability_interval=probability_interval,
    )


def comparison_table(found: BoardComparison) -> Table:
    """By family and over all: pairs, both scores, their difference and who does better."""
    rows = tuple(
        (
            line.family,
            str(line.num_pairs),
            fixed(line.one_score, 3),
            fixed(line.other_score, 3),
            fixed(line.difference, 3) + _bracket(line.difference_interval, 3),
            fixed(line.probability, 3) + _bracket(line.probability_interval, 3),
        )
        for line in found.comparisons
    )
    header = ("family", "pairs", found.one, found.other, "difference", f"P({found.one} better)")
    title = f"{found.one} against {found.other}, {found.protocol}"
    return Table(title, header, rows, (False,) * len(rows))


def _bracket(interval: statistics.Interval | None, num_decimals: int) -> str:
    """An interval as it stands after a number; nothing where there is none."""
    return "" if interval is None else " " + bracket(interval, num_decimals)
