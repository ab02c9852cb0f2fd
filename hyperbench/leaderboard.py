"""Boards: from records to scores to rows. Derived data only; nothing is measured here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hyperbench import statistics
from hyperbench.board import Board
from hyperbench.errors import DataError
from hyperbench.plan import method_label
from hyperbench.record import RunRecord, read_episodes, read_record
from hyperbench.rows import MethodRuns, make_rows, missing_notes
from hyperbench.seeding import content_hash

RANDOM, EXPERT = "random", "expert"
"""The control arms that define score 0 and score 1."""


def make_boards(folders: Iterable[Path]) -> list[Board]:
    """Read runs and make one board per protocol.

    Args:
        folders: run folders, as ``record.find_runs`` lists them; their order does not matter.

    Raises:
        DataError: a record or its episodes are damaged, or two records of one run disagree.
    """
    return [_board(title, records, table) for title, records, table in board_tables(folders)]


def board_tables(
    folders: Iterable[Path],
) -> list[tuple[str, list[tuple[RunRecord, Path]], pd.DataFrame]]:
    """What each board is made of: its title, its runs and their ``task_table``.

    Arguments and errors as of ``make_boards``.
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
        (f"{id_} ({rules[:6]})" if ambiguous else id_, found, task_table(found))
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


def _board(protocol: str, records: Sequence[tuple[RunRecord, Path]], table: pd.DataFrame) -> Board:
    methods = _method_labels([record for record, _ in records])
    labels = _family_labels([record for record, _ in records])
    families = tuple(sorted(set(labels.values())))
    by_method: dict[str, list[RunRecord]] = {}
    for record, _ in records:
        by_method.setdefault(methods[record.key], []).append(record)
    rows = make_rows(
        [
            MethodRuns(method, runs, table[table["method"] == method])
            for method, runs in by_method.items()
        ],
        labels,
    )
    failures = tuple(
        f"{methods[record.key]} on {labels[record.key]} "
        f"(split {record.seeds.split}, fit {record.seeds.fit}): {record.error}"
        for record, _ in records
        if record.status == "failed"
    )
    notes = (*_notes(table), *missing_notes(rows))
    return Board(protocol, families, tuple(rows), failures, notes)


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
