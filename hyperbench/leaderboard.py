"""Boards: from records to scores to rows. Derived data only; nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hyperbench import statistics
from hyperbench.board import Board, Row
from hyperbench.errors import DataError
from hyperbench.plan import method_label
from hyperbench.record import RunRecord, read_episodes, read_record
from hyperbench.seeding import child_seed, content_hash

RANDOM, EXPERT = "random", "expert"
"""The control arms that define score 0 and score 1."""


def make_boards(folders: Iterable[Path]) -> list[Board]:
    """Read runs and make one board per protocol.

    Args:
        folders: run folders, as ``record.find_runs`` lists them; their order does not matter.

    Raises:
        DataError: a record or its episodes are damaged, or two records of one run disagree.
    """
    records: dict[str, tuple[RunRecord, Path]] = {}
    for folder in sorted(folders):
        record = read_record(folder)
        known = records.get(record.key)
        if known is None or known[0].status == "failed":
            records[record.key] = (record, folder)
        elif record.status == "ok" and known[0].sha256 != record.sha256:
            raise DataError(f"Two different records of one run: {known[1]} and {folder}.")
    if not records:
        raise DataError("No runs to make a board of.")
    by_rules: dict[tuple[str, str], list[tuple[RunRecord, Path]]] = {}
    for record, folder in sorted(records.values(), key=lambda pair: pair[0].key):
        rules = (record.protocol.id, record.protocol.rules_hash)
        by_rules.setdefault(rules, []).append((record, folder))
    ambiguous = len({id_ for id_, _ in by_rules}) < len(by_rules)
    return [
        _board(f"{id_} ({rules[:6]})" if ambiguous else id_, found)
        for (id_, rules), found in sorted(by_rules.items())
    ]


def task_table(records: Sequence[tuple[RunRecord, Path]]) -> pd.DataFrame:
    """One line per successful run and target task, with its mean return and score.

    Columns: ``method`` (label), ``is_arm``, ``family`` (label), ``split_seed``, ``fit_seed``,
    ``run`` (key), ``task`` (key), ``region``, ``distance``, ``mean_return``, ``success_rate``,
    ``score``.
    """
    labels = _family_labels([record for record, _ in records])
    methods = _method_labels([record for record, _ in records])
    parts = []
    for record, folder in records:
        if record.status != "ok" or record.split is None:
            continue
        episodes = pd.DataFrame(read_episodes(folder, record))
        means = episodes.groupby("task", sort=False).mean(numeric_only=False)
        targets = record.split.target
        parts.append(
            pd.DataFrame(
                {
                    "method": methods[record.key],
                    "is_arm": record.is_arm,
                    "family": labels[record.key],
                    "split_seed": record.seeds.split,
                    "fit_seed": record.seeds.fit,
                    "run": record.key,
                    "task": [task.key for task in targets],
                    "region": [task.region for task in targets],
                    "distance": [task.distance for task in targets],
                    "mean_return": means["return"].reindex([t.key for t in targets]).to_numpy(),
                    "success_rate": (
                        means["success"].reindex([t.key for t in targets]).to_numpy(float)
                        if "success" in means
                        else np.nan
                    ),
                }
            )
        )
    if not parts:
        columns = ["method", "is_arm", "family", "split_seed", "fit_seed", "run", "task", "region"]
        return pd.DataFrame(columns=[*columns, "distance", "mean_return", "success_rate", "score"])
    table = pd.concat(parts, ignore_index=True)
    where = ["family", "split_seed", "task"]
    for arm in (RANDOM, EXPERT):
        played = table[table["is_arm"] & (table["method"] == arm)]
        table = table.join(played.groupby(where)["mean_return"].mean().rename(arm), on=where)
    table["score"] = statistics.score(
        table["mean_return"].to_numpy(float),
        table[RANDOM].to_numpy(float),
        table[EXPERT].to_numpy(float),
    )
    return table.drop(columns=[RANDOM, EXPERT])


def _board(protocol: str, records: Sequence[tuple[RunRecord, Path]]) -> Board:
    table = task_table(records)
    methods = _method_labels([record for record, _ in records])
    labels = _family_labels([record for record, _ in records])
    families = tuple(sorted(set(labels.values())))
    by_method: dict[str, list[RunRecord]] = {}
    for record, _ in records:
        by_method.setdefault(methods[record.key], []).append(record)
    rows = [
        _row(method, runs, table[table["method"] == method], families)
        for method, runs in by_method.items()
    ]
    rows.sort(key=lambda row: (-(row.score if row.score is not None else -np.inf), row.method))
    failures = tuple(
        f"{methods[record.key]} on {labels[record.key]} "
        f"(split {record.seeds.split}, fit {record.seeds.fit}): {record.error}"
        for record, _ in records
        if record.status == "failed"
    )
    return Board(protocol, families, tuple(rows), failures, _notes(table))


def _row(
    method: str, runs: Sequence[RunRecord], table: pd.DataFrame, families: tuple[str, ...]
) -> Row:
    def iqm_of(part: pd.DataFrame) -> float | None:
        return _number(statistics.iqm(part["score"].to_numpy(float)))

    strata = {
        str(family): [run["score"].to_numpy(float) for _, run in group.groupby("run")]
        for family, group in table.groupby("family")
    }
    rng = np.random.default_rng(child_seed(0, "bootstrap", method))
    interval = statistics.bootstrap_interval(strata, rng)
    costs = [record.cost for record in runs if record.status == "ok"]
    return Row(
        method=method,
        is_arm=runs[0].is_arm or runs[0].shuffled_spec,
        score=iqm_of(table),
        interval=interval if interval is None or np.isfinite(interval).all() else None,
        mean_return=_number(table["mean_return"].mean()),
        success_rate=_number(table["success_rate"].mean()),
        interpolation=iqm_of(table[table["region"] == "interpolation"]),
        extrapolation=iqm_of(table[table["region"] == "extrapolation"]),
        family_scores={family: iqm_of(table[table["family"] == family]) for family in families},
        num_runs=len(costs),
        num_failed=len(runs) - len(costs),
        num_parameters=_largest([cost.num_parameters for cost in costs]),
        policy_parameters=_largest([cost.policy_parameters for cost in costs]),
        fit_seconds=_mean([cost.fit_seconds for cost in costs]),
        generate_seconds=_mean([cost.generate_seconds for cost in costs]),
    )


def _notes(table: pd.DataFrame) -> tuple[str, ...]:
    if not table.empty and table["score"].isna().any():
        return (
            "Some tasks have no score: on the same split the arms 'random' and 'expert' are "
            "missing, failed or earn the same.",
        )
    return ()


def _family_labels(records: Sequence[RunRecord]) -> dict[str, str]:
    """Per run the name of its column: results of different worlds never share one."""

    def world(record: RunRecord) -> str:
        return f"experts {record.family_info.expert_version}, {record.family_info.physics}"

    return _labels(records, lambda record: record.family, world)


def _method_labels(records: Sequence[RunRecord]) -> dict[str, str]:
    """Per run the name of its row: different versions, settings or devices never share one."""

    def variant(record: RunRecord) -> str:
        settings = content_hash(record.config, 6)
        return f"version {record.method_version}, {record.device}, settings {settings}"

    return _labels(records, method_label, variant)


def _labels(
    records: Sequence[RunRecord],
    name: Callable[[RunRecord], str],
    variant: Callable[[RunRecord], str],
) -> dict[str, str]:
    """Per run its name, with the variant where one name stands for several."""
    variants: dict[str, set[str]] = {}
    for record in records:
        variants.setdefault(name(record), set()).add(variant(record))
    return {
        record.key: name(record)
        if len(variants[name(record)]) == 1
        else f"{name(record)} ({variant(record)})"
        for record in records
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _largest(values: Sequence[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
