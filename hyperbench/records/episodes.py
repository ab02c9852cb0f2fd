"""Judged episodes as a file: one line each, and what a board needs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperbench.rollout import EPISODE_COLUMNS, EpisodeTable

Means = npt.NDArray[np.float64]


def write_episodes(path: Path, table: EpisodeTable) -> None:
    """Write a Parquet file with one line per episode."""
    import pyarrow
    from pyarrow import parquet

    num_tasks, num_episodes = table.seeds.shape
    columns: dict[str, Any] = {
        "task": np.repeat([task.key for task in table.tasks], num_episodes),
        "episode": np.tile(np.arange(num_episodes), num_tasks),
    } | {name: values.ravel() for name, values in table.columns().items()}
    # By a handle: a path may look like a URI, or be no UTF-8.
    with path.open("wb") as file:
        parquet.write_table(pyarrow.table(columns), file)


def parse_episodes(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The columns of an episodes file, by name; the caller answers Arrow's errors.

    Raises:
        ValueError: a column is missing, or is not what it should be.
    """
    table = _parse(content)
    keys = table["task"].combine_chunks()
    tasks = np.asarray(keys.dictionary.to_pylist())[keys.indices.to_numpy()]
    return {"task": tasks} | {
        name: table[name].to_numpy() for name in table.column_names if name != "task"
    }


_MOST_EPISODES = 10_000_000
_TASKS = "dictionary<values=string, indices=int32, ordered=0>"
"""How Arrow calls the type of the column of tasks, as it is read here."""
_NOT_OF_ALL = {column.name for column in EPISODE_COLUMNS if column.notion is not None}
"""Columns that only some families have."""

MEANS = {column.mean: column.name for column in EPISODE_COLUMNS if column.mean is not None}
"""Per name of a task's mean the column that it is of; where a family lacks it, means are NaN."""


def task_means(content: bytes, tasks: Sequence[str]) -> dict[str, Means]:
    """Means of each task, (num_tasks,) each, as ``MEANS`` names them; NaN without the notion.

    Args:
        content: of the file.
        tasks: keys, in any order.

    Raises:
        KeyError: a task has no episode.
        ValueError: as of ``parse_episodes``.
    """
    table = _parse(content, ["task", *MEANS.values()])
    keys = table["task"].combine_chunks()
    columns = {name: table[name].to_numpy() for name in table.column_names if name != "task"}
    return means_by_task(keys.dictionary.to_pylist(), keys.indices.to_numpy(), columns, tasks)


def means_by_task(
    keys: Sequence[str],
    codes: npt.NDArray[np.integer],
    columns: Mapping[str, npt.NDArray[Any]],
    tasks: Sequence[str],
) -> dict[str, Means]:
    """Means of each task as of ``task_means``, of columns that were read.

    Args:
        keys: of the tasks that have episodes.
        codes: (num_episodes,): the place among ``keys`` of each episode's task.
        columns: (num_episodes,) each, by name.
        tasks: keys, in any order.

    Raises:
        KeyError: a task has no episode.
    """
    places = {key: i for i, key in enumerate(keys)}
    order = [places[task] for task in tasks]
    num_episodes = np.bincount(codes)

    def means(column: str) -> Means:
        if column not in columns:
            return np.full(len(order), np.nan)
        return (np.bincount(codes, weights=columns[column]) / num_episodes)[order]

    return {name: means(column) for name, column in MEANS.items()}


def _parse(content: bytes, columns: list[str] | None = None) -> Any:
    from pyarrow import parquet, py_buffer

    # Several times faster than read_table, which is made for data sets of many large files.
    with parquet.ParquetFile(py_buffer(content), read_dictionary=["task"]) as file:
        if file.metadata.num_rows > _MOST_EPISODES:
            raise ValueError(f"{file.metadata.num_rows} episodes are more than a run ever has")
        table = file.read(columns, use_threads=False)
    kinds = {"episode": "i"} | {column.name: column.kind for column in EPISODE_COLUMNS}
    due = ["task", *(name for name in kinds if name not in _NOT_OF_ALL)]
    for name in due if columns is None else {*due} & {*columns}:
        if table.schema.names.count(name) != 1:
            raise ValueError(f"there is no column {name!r}, or several")
    for name in table.schema.names:
        column = table[name]
        if column.null_count:
            raise ValueError(f"column {name!r} has gaps")
        if name == "task" and str(column.type) != _TASKS:
            raise ValueError(f"column 'task' is of {column.type}")
        if name in kinds and np.dtype(column.type.to_pandas_dtype()).kind != kinds[name]:
            raise ValueError(f"column {name!r} is of {column.type}")
    return table
