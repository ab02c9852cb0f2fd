"""Judged episodes as a file: one line each, and what a board needs of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperbench.rollout import EpisodeTable

Means = npt.NDArray[np.float64]


def write_episodes(path: Path, table: EpisodeTable) -> None:
    """Write a Parquet file with one line per episode."""
    import pyarrow
    from pyarrow import parquet

    num_tasks, num_episodes = table.seeds.shape
    columns: dict[str, Any] = {
        "task": np.repeat([task.key for task in table.tasks], num_episodes),
        "episode": np.tile(np.arange(num_episodes), num_tasks),
        "seed": table.seeds.ravel(),
        "return": table.returns.ravel(),
        "length": table.lengths.ravel(),
        "terminated": table.terminated.ravel(),
    }
    if table.successes is not None:
        columns["success"] = table.successes.ravel()
    if table.lasting is not None:
        columns["lasting"] = table.lasting.ravel()
    parquet.write_table(pyarrow.table(columns), path)


def parse_episodes(content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The columns of such a file, by name; whoever calls turns Arrow's errors into his own."""
    table = _parse(content)
    keys = table["task"].combine_chunks()
    tasks = np.asarray(keys.dictionary.to_pylist())[keys.indices.to_numpy()]
    return {"task": tasks} | {
        name: table[name].to_numpy() for name in table.column_names if name != "task"
    }


MEANS = {
    "mean_return": "return",
    "mean_length": "length",
    "success_rate": "success",
    "lasting_rate": "lasting",
}
"""Per name of a task's mean the column of the file that it is of; the last two may be missing."""


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
