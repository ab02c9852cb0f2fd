"""Rows of a board: what one method's runs come to, beside those of others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from hyperbench.boards.headline import HEADLINES, Headline
from hyperbench.boards.method_runs import MethodRuns
from hyperbench.boards.ranks import with_ranks
from hyperbench.boards.row import Row
from hyperbench.boards.statistic import BY_NAME, STATISTICS


def make_rows(
    methods: Sequence[MethodRuns], labels: Mapping[str, str], headline: Headline
) -> list[Row]:
    """Make the rows of a board, best first.

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
    rows = [_row(method, families) for method in with_ranks(methods, headline)]

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


def _num_missing(
    method: MethodRuns, labels: Mapping[str, str], expected: set[tuple[str, int, int]]
) -> int:
    """How many of the expected runs have no record, not even of a failure."""
    # What is not fitted has one run for each split, whatever else is fitted on it.
    num_fields = 3 if method.records[0].is_fitted else 2
    found = {
        (labels[record.key], record.seeds.split, record.seeds.fit)[:num_fields]
        for record in method.records
    }
    return len({run[:num_fields] for run in expected} - found)
