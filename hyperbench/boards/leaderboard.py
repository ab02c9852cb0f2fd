"""Boards: from records to scores to rows. Derived data only; nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hyperbench import statistics
from hyperbench.board import Board
from hyperbench.episodes import MEANS
from hyperbench.errors import DataError
from hyperbench.labels import board_titles, by_board, by_world, family_labels, method_labels
from hyperbench.plan import method_label
from hyperbench.record import RunRecord, read_task_means
from hyperbench.rows import MethodRuns, make_rows, missing_notes
from hyperbench.runs import StoredRun, gather

RANDOM, EXPERT = "random", "expert"
"""The control arms that define score 0 and score 1."""

_OTHER_WORLDS = (
    "Results of other family, expert or physics versions are on boards of their own, never mixed."
)


@dataclass(frozen=True)
class BoardTable:
    """What a board is made of.

    Args:
        title: of the board.
        runs: each once.
        families: per run, by key, the name of its family's column.
        table: their ``task_table``.
        notes: what a reader must know of how the runs came about.
    """

    title: str
    runs: tuple[StoredRun, ...]
    families: Mapping[str, str]
    table: pd.DataFrame
    notes: tuple[str, ...]


def make_boards(folders: Iterable[Path]) -> list[Board]:
    """Read runs and make one board per suite and protocol.

    Where a family occurs with several family, expert or physics versions, its results are apart, on
    boards that are numbered: no score, not even a pooled one, stands beside one of another world.

    Args:
        folders: run folders, as ``record.find_runs`` lists them; their order does not matter.

    Raises:
        DataError: a record or its episodes are damaged, or two records of one run disagree.
    """
    return [make_board(part) for part in board_tables(folders)]


def board_tables(folders: Iterable[Path]) -> list[BoardTable]:
    """What the boards are made of; arguments and errors as of ``make_boards``."""
    gathered = gather(folders)
    if not gathered.runs:
        raise DataError("No runs to make a board of.")
    boards = by_board(gathered.runs)
    titles = board_titles(boards)
    parts = []
    for key, found in boards.items():
        title = titles[key]
        labels = family_labels([record for record, _ in found])
        worlds = by_world(found)
        for number, runs in enumerate(worlds, start=1):
            families = {record.key: labels[record.key] for record, _ in runs}
            table = task_table(runs, families)
            notes = _origin_notes(runs, gathered.remeasured)
            if len(worlds) == 1:
                parts.append(BoardTable(title, tuple(runs), families, table, notes))
            else:
                numbered = f"{title}, group {number} of {len(worlds)}"
                notes = (*notes, _OTHER_WORLDS)
                parts.append(BoardTable(numbered, tuple(runs), families, table, notes))
    return parts


def task_table(runs: Sequence[StoredRun], labels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One line per successful run and target task, with its mean return and score.

    Columns: ``method`` (label), ``is_arm``, ``family`` (label), ``split_seed``, ``fit_seed``,
    ``run`` (key), ``task`` (key), ``region``, ``distance``, ``mean_return``, ``mean_length``,
    ``success_rate``, ``lasting_rate``, ``score``.

    Args:
        runs: of one protocol.
        labels: per run the name of its family's column; if None they follow from the runs.
    """
    labels = labels or family_labels([record for record, _ in runs])
    methods = method_labels([record for record, _ in runs])
    finished = [run for run in runs if run[0].status == "ok"]
    targets = [task for record, _ in finished for task in record.targets]
    means = [read_task_means(folder, record) for record, folder in finished]
    sizes = [len(record.targets) for record, _ in finished]

    def per_task(values: list[Any], dtype: type = object) -> npt.NDArray[Any]:
        return np.repeat(np.array(values, dtype=dtype), sizes)

    records = [record for record, _ in finished]
    table = pd.DataFrame(
        {
            "method": per_task([methods[record.key] for record in records]),
            "is_arm": per_task([record.is_arm for record in records], bool),
            "family": per_task([labels[record.key] for record in records]),
            "split_seed": per_task([record.seeds.split for record in records], int),
            "fit_seed": per_task([record.seeds.fit for record in records], int),
            "run": per_task([record.key for record in records]),
            "task": np.array([task.key for task in targets], dtype=object),
            "region": np.array([task.region for task in targets], dtype=object),
            "distance": np.array([task.distance for task in targets], dtype=float),
        }
        | {name: np.concatenate([np.empty(0), *(m[name] for m in means)]) for name in MEANS}
    )
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


def make_board(part: BoardTable) -> Board:
    """Make the board of what it is made of."""
    methods = method_labels([record for record, _ in part.runs])
    families = tuple(sorted(set(part.families.values())))
    by_method: dict[str, list[RunRecord]] = {}
    for record, _ in part.runs:
        by_method.setdefault(methods[record.key], []).append(record)
    by_success = all(record.family_info.ends_at_success for record, _ in part.runs)
    rows = make_rows(
        [
            MethodRuns(method, runs, part.table[part.table["method"] == method])
            for method, runs in by_method.items()
        ],
        part.families,
        by_success=by_success,
    )
    failures = tuple(
        f"{methods[record.key]} on {part.families[record.key]} "
        f"(split {record.seeds.split}, fit {record.seeds.fit}): {record.error}"
        for record, _ in part.runs
        if record.status == "failed"
    )
    notes = (*_notes(part.table), *missing_notes(rows), *_remarks(part), *part.notes)
    return Board(part.title, families, tuple(rows), failures, notes, by_success)


def _notes(table: pd.DataFrame) -> tuple[str, ...]:
    if not table.empty and table["score"].isna().any():
        return (
            "Some tasks have no score: on the same split the arms 'random' and 'expert' are "
            "missing, failed or earn the same.",
        )
    return ()


def _remarks(part: BoardTable) -> tuple[str, ...]:
    """What families say of themselves, once for all that say the same."""
    families: dict[str, set[str]] = {}
    for record, _ in part.runs:
        if record.family_info.remark:
            families.setdefault(record.family_info.remark, set()).add(part.families[record.key])
    return tuple(f"{', '.join(sorted(who))}: {remark}" for remark, who in families.items())


def _origin_notes(runs: Sequence[StoredRun], remeasured: Sequence[RunRecord]) -> tuple[str, ...]:
    """What a reader must know of how the runs came about."""
    labels = method_labels([record for record, _ in runs])
    notes = []
    for method in sorted(set(labels.values())):
        extra = [
            record.num_target_rollouts - record.num_judged
            for record, _ in runs
            # Playing more than is kept is what the arm with hindsight consists in.
            if labels[record.key] == method and not record.is_arm
        ]
        if max(extra, default=0) > 0:
            notes.append(f"{method} played {sum(extra)} more episodes on target tasks than judged.")
    dirty = sorted({labels[record.key] for record, _ in runs if record.provenance.dirty})
    if dirty:
        notes.append(f"Measured with uncommitted changes to hyperbench: {', '.join(dirty)}.")
    known = {record.key for record, _ in runs}
    again = sorted({method_label(record) for record in remeasured if record.key in known})
    if again:
        notes.append(
            "Measured again with another result, which is left out; the committed board's counts: "
            f"{', '.join(again)}."
        )
    return tuple(notes)
