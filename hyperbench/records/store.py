"""Stored runs: a record with its folder, and all that can be read from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hyperbench.disk import refused_by_disk
from hyperbench.errors import DataError, one_line
from hyperbench.files import new_folder, sha256_file
from hyperbench.generator import PolicyGenerator
from hyperbench.policy import StorablePolicies
from hyperbench.records.episodes import Means, parse_episodes, task_means, write_episodes
from hyperbench.records.find import RECORD
from hyperbench.records.policies import read_policies, write_policies
from hyperbench.records.record import GENERATOR, RunRecord, content_checksum
from hyperbench.records.schema import AGAIN, read_record
from hyperbench.registry import Registry
from hyperbench.rollout import EpisodeTable

EPISODES, POLICIES = "episodes.parquet", "policies.safetensors"
RUN_FILES = (RECORD, EPISODES, POLICIES, f"{GENERATOR}/*")
"""Patterns of what a run's folder holds; whatever else lies there is somebody's own."""


@dataclass(frozen=True)
class StoredRun:
    """One run as it lies on disk.

    Args:
        record: what is known of it.
        folder: where its files are.
    """

    record: RunRecord
    folder: Path

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a run's record; its other files are read when they are asked for.

        Raises:
            DataError: there is none, it is damaged, or it is of an unknown schema.
            NewerRecordError: it says what only a newer version of hyperbench understands.
        """
        return cls(read_record(folder / RECORD), folder)

    @property
    def is_finished(self) -> bool:
        """Whether the run succeeded and what it gave is there, unaltered; others are repeated."""
        try:
            self.check()
        except DataError:
            return False
        return self.record.status == "ok"

    @property
    def is_bundled(self) -> bool:
        """Whether it lies in a bundle of a committed board, with a sample of its policies."""
        return False

    @property
    def kept_tasks(self) -> list[int]:
        """Positions of the target tasks whose policies are there."""
        return list(range(len(self.record.targets))) if self.keeps_policies else []

    @property
    def keeps_policies(self) -> bool:
        """Whether generated policies were stored."""
        return POLICIES in self.record.sha256

    def content(self) -> dict[str, Any]:
        """What the record says, parsed and otherwise untouched."""
        content: dict[str, Any] = json.loads((self.folder / RECORD).read_bytes())
        return content

    def episodes(self) -> dict[str, npt.NDArray[Any]]:
        """The judged episodes as columns, (num_tasks * num_episodes,); the checksum is checked.

        Columns: ``task`` (key), ``episode``, and those of ``rollout.EPISODE_COLUMNS`` that the
        family has.

        Raises:
            DataError: the file is missing, altered or unreadable.
        """
        content = self._checked(EPISODES)
        with _readable(self.folder / EPISODES):
            return parse_episodes(content)

    def task_means(self) -> dict[str, Means]:
        """Means of the target tasks, as ``episodes.task_means``; the checksum is checked.

        Raises:
            DataError: the file is missing or altered, or lacks a target task.
        """
        content = self._checked(EPISODES)
        try:
            with _readable(self.folder / EPISODES):
                return task_means(content, [task.key for task in self.record.targets])
        except KeyError as error:
            raise DataError(
                f"{self.folder} has no episode of its target task {error.args[0]}."
            ) from None

    def task_returns(self) -> npt.NDArray[np.float64]:
        """Returns of the target tasks, (num_tasks, num_episodes); the checksum is checked.

        Raises:
            DataError: the file is missing, altered, or of other episodes than the protocol's.
        """
        columns = self.episodes()
        places = {task.key: i for i, task in enumerate(self.record.targets)}
        shape = (len(places), -1 if not places else len(columns["task"]) // len(places))
        rows = np.array([places.get(key, len(places)) for key in columns["task"].tolist()])
        order = np.lexsort((columns["episode"], rows))
        if (np.bincount(rows, minlength=shape[0]) != shape[1]).any():
            raise DataError(f"{self.folder} has not equally many episodes of its target tasks.")
        returns: npt.NDArray[np.float64] = columns["return"][order].reshape(shape)
        return returns

    def policies(self, registry: Registry | None = None) -> StorablePolicies:
        """The generated policies, in the order of the target tasks.

        Args:
            registry: resolves their kind; the installed one if not given.

        Raises:
            DataError: the file is missing, altered or unreadable.
            UnknownNameError: no installed plugin registers their kind.
        """
        self._checked(POLICIES)
        with self.record.naming_its_files():
            return read_policies(self.folder / POLICIES, registry)

    def check(self, *names: str) -> tuple[str, ...]:
        """Check files against the record.

        Args:
            names: of files; if none are given all, apart from the generator, which may be deleted.

        Returns:
            Their names.

        Raises:
            DataError: one is missing or altered.
        """
        names = names or tuple(self.record.results)
        for name in names:
            self._checked(name)
        return names

    @property
    def keeps_generator(self) -> bool:
        """Whether the fitted generator is there: committed boards leave it out."""
        names = self.record.sha256.keys() - self.record.results.keys()
        return bool(names) and all((self.folder / name).is_file() for name in names)

    @property
    def generator(self) -> Path:
        """Where the fitted generator was saved, for ``PolicyGenerator.load``.

        Raises:
            DataError: it was not saved, or a file is missing or altered.
        """
        if not self.keeps_generator:
            # Never to delete anything: the run may be a published one.
            raise DataError(
                f"The run in {self.folder} (status {self.record.status!r}) has no generator, or "
                "not any more; committed boards keep none. Measure it again beside this one, with: "
                "hyperbench run --output-dir ANOTHER_FOLDER"
            )
        for name in sorted(self.record.sha256.keys() - self.record.results.keys()):
            self._checked(name)
        return self.folder / GENERATOR

    def _checked(self, name: str) -> bytes:
        path = self.folder / name
        if name not in self.record.sha256:
            raise DataError(
                f"The run in {self.folder} has no {name}: its status is {self.record.status!r}."
            )
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DataError(f"{path} is missing. {AGAIN}") from None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror}. {AGAIN}") from error
        if hashlib.sha256(content).hexdigest() != self.record.sha256[name]:
            raise DataError(f"{path} was altered: its checksum differs from the record's. {AGAIN}")
        return content


def write_record(
    runs_dir: Path,
    record: RunRecord,
    table: EpisodeTable | None = None,
    policies: StorablePolicies | None = None,
    generator: PolicyGenerator | None = None,
) -> StoredRun:
    """Write ``runs_dir/<key>/`` whole or not at all, replacing an earlier attempt.

    Args:
        runs_dir: folder of all runs.
        record: the record; its checksums are filled in.
        table: judged episodes; None for a failed run.
        policies: generated, of a kind that can be stored; None where there are none.
        generator: fitted, of a method's run; saved with the record.

    Returns:
        The run, its record with its checksums, its own included.

    Raises:
        StorageError: the folder cannot be written.
    """
    folder = runs_dir / record.key
    remedy = "Choose another place with --output-dir."
    with new_folder(folder, remedy, RUN_FILES) as draft:
        if table is not None:
            write_episodes(draft / EPISODES, table)
        if policies is not None:
            write_policies(draft / POLICIES, policies)
        if generator is not None:
            (draft / GENERATOR).mkdir()
            _save(generator, draft / GENERATOR)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        checksums = {file.relative_to(draft).as_posix(): sha256_file(file) for file in files}
        record = record.model_copy(update={"sha256": checksums})
        content = json.loads(record.model_dump_json())
        record = record.model_copy(update={"content_sha256": content_checksum(content)})
        (draft / RECORD).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return StoredRun(record, folder)


def _save(generator: PolicyGenerator, folder: Path) -> None:
    """Save a generator; what goes wrong is the method's own, unless the disk is at fault."""
    try:
        generator.save(folder)
    except OSError as error:
        if refused_by_disk(error) is not None:
            raise
        raise RuntimeError(f"The generator cannot be saved: {one_line(error)}") from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {one_line(error)}") from error
