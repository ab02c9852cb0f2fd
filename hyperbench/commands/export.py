"""Boards and scores as files for people, spreadsheets, papers and other programs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hyperbench.board import Board
from hyperbench.errors import DataError, HyperbenchError, UnknownNameError
from hyperbench.labels import board_titles, by_board, method_labels
from hyperbench.leaderboard import make_boards, task_table
from hyperbench.record import find_runs
from hyperbench.report import tables
from hyperbench.runs import StoredRun, gather

TEXT_FORMATS: dict[str, Callable[[list[Board]], str]] = {
    "markdown": lambda boards: "\n".join(tables.markdown(board) for board in boards),
    "csv": tables.csv_text,
    "latex": lambda boards: "\n".join(tables.latex(board) for board in boards),
    "json": tables.json_text,
}
"""Of whole boards."""


def export(folders: Sequence[Path], format_: str, output: Path) -> None:
    """Write a file of the runs in some folders.

    Args:
        folders: with runs in or below them.
        format_: one of ``TEXT_FORMATS`` for the boards; ``parquet`` or ``rliable`` for the scores
            that they are made of, as ``long_table`` and ``score_arrays`` describe them.
        output: the file.

    Raises:
        HyperbenchError: the format is unknown or cannot hold these runs, a run is damaged, or the
            file cannot be written.
    """
    if format_ not in (*TEXT_FORMATS, *_SCORE_FORMATS):
        raise UnknownNameError("format", format_, (*TEXT_FORMATS, *_SCORE_FORMATS))
    runs = find_runs(folders)
    if format_ in TEXT_FORMATS:
        content = TEXT_FORMATS[format_](make_boards(runs)).encode()
    else:
        gathered = gather(runs).runs
        if all(record.status == "failed" for record, _ in gathered):
            raise DataError("There are no scores to export: every run failed.")
        content = _SCORE_FORMATS[format_](gathered)
    try:
        output.write_bytes(content)
    except OSError as error:
        raise DataError(f"{output} cannot be written: {error.strerror}.") from error


def long_table(runs: Sequence[StoredRun]) -> pd.DataFrame:
    """One line per finished run and target task.

    Columns: ``protocol``, ``rules`` (their hash), those of ``leaderboard.task_table``, and
    ``features``: the values of the task's features in their units, as JSON.
    """
    parts = []
    for key, found in by_board(runs).items():
        part = task_table(found)
        features = {
            task.key: json.dumps(task.features, sort_keys=True)
            for record, _ in found
            for task in record.targets
        }
        part["features"] = part["task"].map(features)
        part.insert(0, "rules", key.rules)
        part.insert(0, "protocol", key.protocol)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def score_arrays(runs: Sequence[StoredRun]) -> dict[str, npt.NDArray[np.float64]]:
    """Per method its scores, (num_runs, num_tasks): what rliable's functions take.

    A row is a pair of seeds, in their order. The columns are the target tasks of all families, one
    family after the other, each in the order of the tasks' keys; as another split has other target
    tasks, a column is not one task. A run that failed or is missing is NaN in its family's columns.

    Raises:
        HyperbenchError: the runs are of several boards, which one array must not mix.
    """
    titles = board_titles(by_board(runs))
    if len(titles) > 1:
        raise HyperbenchError(
            f"A file of arrays holds one board, found {len(titles)}: "
            f"{'; '.join(titles.values())}. Give the runs of one."
        )
    table = task_table(runs).sort_values(["family", "task"])
    sizes = {
        family: max(len(run) for _, run in rows.groupby("run"))
        for family, rows in table.groupby("family")
    }
    scores = {
        key: rows["score"].to_numpy(float)
        for key, rows in table.groupby(["method", "split_seed", "fit_seed", "family"])
    }
    labels = method_labels([record for record, _ in runs])
    played = sorted({(labels[r.key], r.seeds.split, r.seeds.fit) for r, _ in runs})
    rows_of: dict[str, list[npt.NDArray[np.float64]]] = {}
    for method, split, fit in played:
        row = [
            scores.get((method, split, fit, family), np.full(size, np.nan))
            for family, size in sizes.items()
        ]
        rows_of.setdefault(method, []).append(np.concatenate(row))
    return {method: np.stack(rows) for method, rows in rows_of.items()}


def _parquet(runs: Sequence[StoredRun]) -> bytes:
    file = io.BytesIO()
    long_table(runs).to_parquet(file, index=False)
    return file.getvalue()


def _rliable(runs: Sequence[StoredRun]) -> bytes:
    file = io.BytesIO()
    arrays: dict[str, Any] = {**score_arrays(runs)}  # savez has options, too, for mypy
    np.savez(file, **arrays)
    return file.getvalue()


_SCORE_FORMATS: dict[str, Callable[[Sequence[StoredRun]], bytes]] = {
    "parquet": _parquet,
    "rliable": _rliable,
}
