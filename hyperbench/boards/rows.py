"""Rows of a board: what one method's runs come to, and how rows rank among each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hyperbench import statistics
from hyperbench.boards.row import Headline, Row
from hyperbench.boards.statistic import BY_NAME, HEADLINES, STATISTICS, MethodRuns


def make_rows(
    methods: Sequence[MethodRuns], labels: Mapping[str, str], headline: Headline
) -> list[Row]:
    """Make the rows of a board, best first.

    Methods are ranked among each other; controls, which know more or less than a method may, are
    not. Two methods share a rank where the paired interval of their difference contains 0.

    Args:
        methods: one for each row.
        labels: per run key the label of its family, of all runs on the board.
        headline: what orders and ranks rows.
    """
    families = sorted(set(labels.values()))
    seeds = {
        (pair.split, pair.fit)
        for method in methods
        for record in method.records
        for pair in record.protocol.seeds
    }
    expected = {(family, *pair) for family in families for pair in seeds}
    methods = [
        replace(method, num_missing=_num_missing(method, labels, expected)) for method in methods
    ]
    ranks = _ranks(methods, headline)
    rows = [
        _row(replace(method, rank=rank), families)
        for method, rank in zip(methods, ranks, strict=True)
    ]

    def order(row: Row) -> tuple[float, str]:
        value = row[headline.name].value
        return (np.inf if value is None else -value, row.method)

    return sorted(rows, key=order)


def missing_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """What a reader must know about rows with fewer runs than there should be."""
    counts = {
        row.method: [
            int(row[name].value or 0) for name in ("num_missing", "num_runs", "num_failed")
        ]
        for row in rows
    }
    incomplete = [
        f"{method} ({found[0]} of {sum(found)})" for method, found in counts.items() if found[0]
    ]
    if not incomplete:
        return ()
    return (
        "Runs are missing, of all seed pairs on all families here, from "
        f"{', '.join(incomplete)}. What is shown is of the runs there are, which have no rank.",
    )


def _row(method: MethodRuns, families: Sequence[str]) -> Row:
    return Row(
        method=method.label,
        is_control=method.is_control,
        estimates={statistic.name: statistic.estimate(method) for statistic in STATISTICS},
        by_family={
            headline.name: {
                family: BY_NAME[headline.name].value(method.within("family", family))
                for family in families
            }
            for headline in HEADLINES
            if method.suits(headline)
        },
    )


def _ranks(methods: Sequence[MethodRuns], headline: Headline) -> list[int | None]:
    """Each method's rank; None of controls, and where runs are too few or not all there.

    What is left of a method's runs may be the easier ones.
    """

    def beats(i: int, j: int) -> bool:
        # Both are whole: they have the same runs, and resamples of the same.
        one, other = (methods[k].resampled(headline) for k in (i, j))
        if one is None or other is None:
            return False
        return statistics.paired_interval(one, other)[0] > 0

    ranked = [
        None
        if method.is_control
        or method.num_missing
        or len(method.finished) < len(method.records)
        or method.resampled(headline) is None
        else BY_NAME[headline.name].value(method)
        for method in methods
    ]
    return statistics.ranks(ranked, beats)


def _num_missing(
    method: MethodRuns, labels: Mapping[str, str], expected: set[tuple[str, int, int]]
) -> int:
    """How many of the expected runs have no record, not even of a failure."""
    # An arm has one run for each split, whatever is fitted on it.
    num_fields = 2 if method.records[0].is_arm else 3
    found = {
        (labels[record.key], record.seeds.split, record.seeds.fit)[:num_fields]
        for record in method.records
    }
    return len({run[:num_fields] for run in expected} - found)
