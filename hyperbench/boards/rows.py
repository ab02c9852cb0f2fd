"""Rows of a board: what one method's runs come to, and how rows rank among each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hyperbench import statistics
from hyperbench.board import Row
from hyperbench.pairing import RunKey, scores_by_run, strata
from hyperbench.record import RunRecord
from hyperbench.seeding import child_seed
from hyperbench.statistics.resampling import Strata
from hyperbench.statistics.scores import Array


@dataclass(frozen=True)
class MethodRuns:
    """What a row is made of.

    Args:
        label: of the row.
        records: all runs, failed ones too.
        table: the row's lines of ``leaderboard.task_table``.
    """

    label: str
    records: Sequence[RunRecord]
    table: pd.DataFrame


def make_rows(
    methods: Sequence[MethodRuns], labels: Mapping[str, str], *, by_success: bool = False
) -> list[Row]:
    """Make the rows of a board, best first.

    Methods are ranked among each other; controls, which know more or less than a method may, are
    not. Two methods share a rank where the paired interval of their difference contains 0.

    Args:
        methods: one for each row.
        labels: per run key the label of its family, of all runs on the board.
        by_success: what orders and ranks rows: mean success rate, or the interquartile mean score.
    """
    compared = [scores_by_run(method.table) for method in methods]
    resampled = scored = [_resample(runs) for runs in compared]
    statistic = statistics.resample_iqm
    if by_success:
        compared = [scores_by_run(method.table, "success_rate") for method in methods]
        statistic = statistics.resample_mean
        resampled = [_resample(runs, statistic) for runs in compared]
    families = sorted(set(labels.values()))
    seeds = {
        (pair.split, pair.fit)
        for method in methods
        for record in method.records
        for pair in record.protocol.seeds
    }
    expected = {(family, *pair) for family in families for pair in seeds}
    rows = [
        replace(_row(method, families, found), num_missing=_num_missing(method, labels, expected))
        for method, found in zip(methods, scored, strict=True)
    ]

    def beats(i: int, j: int) -> bool:
        one, other = resampled[i], resampled[j]
        if compared[i].keys() != compared[j].keys():
            common = compared[i].keys() & compared[j].keys()
            one, other = (
                _resample({key: compared[k][key] for key in common}, statistic) for k in (i, j)
            )
        return one is not None and other is not None and bool((one - other).interval[0] > 0)

    def value(row: Row) -> float | None:
        return row.success_rate if by_success else row.score

    ranked = [
        None if row.is_arm or found is None else value(row)
        for row, found in zip(rows, resampled, strict=True)
    ]
    rows = [
        replace(row, rank=rank)
        for row, rank in zip(rows, statistics.ranks(ranked, beats), strict=True)
    ]

    def order(row: Row) -> tuple[float, str]:
        known = value(row)
        return (np.inf if known is None else -known, row.method)

    return sorted(rows, key=order)


def missing_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """What a reader must know about rows with fewer runs than there should be."""
    incomplete = [
        f"{row.method} ({row.num_missing} of {row.num_runs + row.num_failed + row.num_missing})"
        for row in rows
        if row.num_missing
    ]
    if not incomplete:
        return ()
    return (
        "Runs are missing, of all seed pairs on all families here, from "
        f"{', '.join(incomplete)}. What is shown is of the runs there are.",
    )


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


def _resample(
    runs: Mapping[RunKey, Array],
    statistic: Callable[[Strata, Array], statistics.Resampled] = statistics.resample_iqm,
) -> statistics.Resampled | None:
    """A statistic of some runs and of resamples, the same ones whenever the keys are the same.

    None where there are too few runs for an interval.
    """
    parts = list(strata(runs).values())
    if not statistics.enough_runs(parts):
        return None
    rng = np.random.default_rng(child_seed(0, "bootstrap", *map(str, sorted(runs))))
    counts = statistics.draw_counts([len(part) for part in parts], rng)
    return statistic(parts, counts)


def _row(
    method: MethodRuns, families: Sequence[str], resampled: statistics.Resampled | None
) -> Row:
    table, records = method.table, method.records
    scores = table["score"].to_numpy(float)

    def iqm_of(part: pd.DataFrame) -> float | None:
        return _number(statistics.iqm(part["score"].to_numpy(float)))

    ending = any(record.family_info.ends_at_success for record in records)
    costs = [record.cost for record in records if record.status == "ok"]
    return Row(
        method=method.label,
        is_arm=records[0].is_arm or records[0].shuffled_spec,
        score=_number(statistics.iqm(scores)),
        interval=_bounds(None if resampled is None else resampled.interval),
        mean_return=_number(table["mean_return"].mean()),
        success_rate=_number(table["success_rate"].mean()),
        mean_length=_number(table["mean_length"].mean()) if ending else None,
        lasting_rate=_number(table["lasting_rate"].mean()),
        interpolation=iqm_of(table[table["region"] == "interpolation"]),
        extrapolation=iqm_of(table[table["region"] == "extrapolation"]),
        family_scores={family: iqm_of(table[table["family"] == family]) for family in families},
        family_successes={
            family: _number(table.loc[table["family"] == family, "success_rate"].mean())
            for family in families
            if ending
        },
        num_runs=len(costs),
        num_failed=len(records) - len(costs),
        num_parameters=_largest([cost.num_parameters for cost in costs]),
        policy_parameters=_largest([cost.policy_parameters for cost in costs]),
        fit_seconds=_mean([cost.fit_seconds for cost in costs]),
        generate_seconds=_mean([cost.generate_seconds for cost in costs]),
        median=_number(statistics.median(scores)),
        mean=_number(statistics.mean(scores)),
        optimality_gap=_number(statistics.optimality_gap(scores)),
        success_interval=_success_interval(table),
    )


def _success_interval(table: pd.DataFrame) -> statistics.Interval | None:
    """Of the families that report success; others have no rate."""
    reported = table.dropna(subset="success_rate")
    if reported.empty:
        return None
    rates = strata(scores_by_run(reported, "success_rate"))
    _, interval = statistics.proportion_interval(rates)
    return _bounds(interval)


def _bounds(interval: tuple[Array, Array] | None) -> statistics.Interval | None:
    return interval and (float(interval[0]), float(interval[1]))


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _largest(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
