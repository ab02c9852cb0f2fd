"""Judged episodes as a file: one line each, and what a board needs of them."""

from __future__ import annotations

from collections.abc import Sequence
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
    """The columns of an episodes file, by name; the caller answers Arrow's errors."""
    table = _parse(content)
    keys = table["task"].combine_chunks()
    tasks = np.asarray(keys.dictionary.to_pylist())[keys.indices.to_numpy()]
    return {"task": tasks} | {
        name: table[name].to_numpy() for name in table.column_names if name != "task"
    }


MEANS = {column.mean: column.name for column in EPISODE_COLUMNS if column.mean is not None}
"""Per name of a task's mean the column that it is of; where a family lacks it, means are NaN."""


def task_means(content: bytes, tasks: Sequence[str]) -> dict[str, Means]:
    """Means of each task, (num_tasks,) each, as ``MEANS`` names them; NaN without the notion.

    Args:
        content: of the file.
        tasks: keys, in any order.

    Raises:
        KeyError: a task has no episode.
    """
    table = _parse(content, ["task", *MEANS.values()])
    keys = table["task"].combine_chunks()
    codes = keys.indices.to_numpy()
    num_episodes = np.bincount(codes)
    places = {key: i for i, key in enumerate(keys.dictionary.to_pylist())}
    order = [places[task] for task in tasks]

    def means(column: str) -> Means:
        if column not in table.column_names:
            return np.full(len(order), np.nan)
        sums = np.bincount(codes, weights=table[column].to_numpy())
        return (sums / num_episodes)[order]

    return {name: means(column) for name, column in MEANS.items()}


def _parse(content: bytes, columns: list[str] | None = None) -> Any:
    from pyarrow import parquet, py_buffer

    # Several times faster than read_table, which is made for data sets of many large files.
    with parquet.ParquetFile(py_buffer(content), read_dictionary=["task"]) as file:
        return file.read(columns, use_threads=False)
