"""Bundles: the runs of one method of a committed board in three files, and reading from them.

``hypogen.jsonl.xz`` has a line a run: its record, the checksum of its episodes and of each target
task's policy. ``hypogen.parquet`` has the episodes of all runs, ``hypogen.safetensors`` the
policies that are kept. What many records share stands once a board, in ``shared.json``, by its
hash. A run lies at ``hypogen.jsonl.xz/<key>``, as if the file were a folder.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperbench.errors import DataError, one_line
from hyperbench.files import read_file
from hyperbench.policy import StorablePolicies
from hyperbench.records.lines import MOST_BYTES, Entry, method_of, read_lines
from hyperbench.records.record import RunRecord
from hyperbench.rollout import EPISODE_COLUMNS, judged_seeds

TABLE, WEIGHTS = ".parquet", ".safetensors"

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Bundle:
    """All runs of one method on one board.

    Args:
        path: of the lines; the other two files lie beside it.
        entries: by run key.
    """

    path: Path
    entries: Mapping[str, Entry]

    @classmethod
    def read(cls, path: Path) -> Bundle:
        """Read the lines; what was read of an unaltered file is kept.

        Raises:
            DataError: a file is missing or damaged.
        """
        return cls(path, read_lines(path))

    def beside(self, ending: str) -> Path:
        """Where its other files lie."""
        return self.path.with_name(f"{method_of(self.path)}{ending}")

    def columns(self, record: RunRecord) -> Columns:
        """The episodes of a run of it, as ``episodes.parse_episodes`` gives them; checked.

        Raises:
            DataError: they are missing or altered.
        """
        key = record.key
        table, rows = _episodes(self.beside(TABLE), self._changed(TABLE))
        if key not in rows:
            raise DataError(f"{self.beside(TABLE)} has no episode of run {key}.")
        first, last = rows[key]
        columns = {
            name: values[first:last] for name, values in table.items() if not _is_gap(values[first])
        }
        columns = _typed({"seed": due_seeds(record)} | columns)
        if checksum_of_columns(columns) != self.entries[key].episodes:
            raise DataError(
                f"The episodes of run {key} in {self.beside(TABLE)} were altered: their "
                "checksum differs from the line's. Restore the board from a copy."
            )
        return columns

    def kept(self, key: str) -> tuple[list[str], dict[str, npt.NDArray[Any]], dict[str, str]]:
        """The policies of a run that are kept: tasks' keys, arrays, and metadata.

        Raises:
            DataError: the file is damaged.
        """
        path = self.beside(WEIGHTS)
        if not path.is_file():
            return [], {}, {}
        from safetensors import safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                said = json.loads((file.metadata() or {})["policies"]).get(key)
                if said is None:
                    return [], {}, {}
                prefix = f"{key}/"
                arrays = {
                    name.removeprefix(prefix): file.get_tensor(name)
                    for name in file.keys()  # noqa: SIM118 -- it is no dictionary
                    if name.startswith(prefix)
                }
            return list(said["tasks"]), arrays, dict(said["metadata"])
        except Exception as error:  # each kind of damage has its own
            raise DataError(f"{path} cannot be read: {one_line(error)}") from error

    def _changed(self, suffix: str) -> int:
        path = self.beside(suffix)
        try:
            return path.stat().st_mtime_ns
        except OSError as error:
            raise DataError(f"{path} is missing: {error.strerror}.") from error


def due_seeds(record: RunRecord) -> npt.NDArray[np.int64]:
    """The seeds of a run's episodes, as its rules give them, in the order of its columns."""
    if record.split is None:
        return np.empty(0, np.int64)
    return judged_seeds(record.split, record.protocol).ravel()


def checksum_of_columns(columns: Columns) -> str:
    """SHA-256 of episodes by content: names, kinds and values, whatever file they lie in."""
    digest = hashlib.sha256()
    for name in sorted(columns):
        values = columns[name]
        kind = "U" if values.dtype.kind in "UO" else values.dtype.kind
        digest.update(f"{name} {kind} {len(values)}\n".encode())
        if kind == "U":
            digest.update("\n".join(values.tolist()).encode())
        else:
            digest.update(values.astype({"i": "<i8", "f": "<f8", "b": "?"}[kind]).tobytes())
    return digest.hexdigest()


def checksums_of_policies(policies: StorablePolicies) -> list[str]:
    """The first 128 bits of the SHA-256 of each policy alone."""
    found = []
    for i in range(policies.num_tasks):
        arrays, metadata = policies.take([i]).to_arrays()
        digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
            digest.update(array.tobytes())
        found.append(digest.hexdigest()[:32])
    return found


@lru_cache(maxsize=8)
def _episodes(path: Path, changed: int) -> tuple[Columns, dict[str, tuple[int, int]]]:  # noqa: ARG001 -- of the cache
    """The table as columns, and the first and last row of each run."""
    from pyarrow import parquet

    try:
        table = parquet.read_table(io.BytesIO(read_file(path, MOST_BYTES)))
        columns = {name: table[name].to_numpy() for name in table.column_names}
        runs = columns.pop("run")
    except Exception as error:  # each kind of damage has its own
        raise DataError(f"{path} cannot be read: {one_line(error)}") from error
    starts = [0, *(np.flatnonzero(runs[1:] != runs[:-1]) + 1).tolist(), len(runs)]
    return columns, {str(runs[a]): (a, b) for a, b in pairwise(starts) if b > a}


def _is_gap(value: Any) -> bool:
    """Whether a table says that a run has no such column."""
    return value is None or (isinstance(value, float) and np.isnan(value))


def _typed(columns: Columns) -> Columns:
    """Columns of the kinds that they have in a file of their own, in its order."""
    kinds = {"task": "U", "episode": "i"} | {each.name: each.kind for each in EPISODE_COLUMNS}
    types = {"i": np.int64, "f": np.float64, "b": np.bool_, "U": np.str_}
    return {
        name: columns[name].astype(types[kind]) for name, kind in kinds.items() if name in columns
    }


def table_of(runs: Iterable[tuple[str, Columns]]) -> bytes:
    """A Parquet file of the episodes of several runs; a column that some lack has gaps."""
    import pyarrow
    from pyarrow import parquet

    tables = [
        pyarrow.table({"run": np.repeat([key], len(columns["task"]))} | dict(columns))
        for key, columns in runs
    ]
    into = io.BytesIO()
    whole = pyarrow.concat_tables(tables, promote_options="default")
    parquet.write_table(whole, into, compression="zstd", compression_level=9)
    return into.getvalue()
