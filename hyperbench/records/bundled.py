"""Runs of a bundle, read like those that lie in folders of their own."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperbench.errors import DataError
from hyperbench.policy import StorablePolicies
from hyperbench.records.bundle import Bundle, checksums_of_policies
from hyperbench.records.episodes import Means, means_by_task
from hyperbench.records.find import is_bundled
from hyperbench.records.policies import policies_of
from hyperbench.records.record import content_checksum
from hyperbench.records.schema import as_record
from hyperbench.records.store import EPISODES, POLICIES, StoredRun
from hyperbench.registry import Registry


def open_run(place: Path) -> StoredRun:
    """Read a run that lies in a folder of its own or, as ``hypogen.jsonl.xz/<key>``, in a bundle.

    Raises:
        DataError: as of ``StoredRun.read``, or the bundle has no such run.
    """
    if not is_bundled(place):
        return StoredRun.read(place)
    entry = Bundle.read(place.parent).entries.get(place.name)
    if entry is None:
        raise DataError(f"{place.parent} has no run {place.name}.")
    return BundledRun(as_record(entry.content, place), place)


class BundledRun(StoredRun):
    """One run of a bundle: record and episodes are whole, of policies only some are kept."""

    @property
    def is_bundled(self) -> bool:
        return True

    @cached_property
    def _bundle(self) -> Bundle:
        return Bundle.read(self.folder.parent)

    @cached_property
    def _kept(self) -> tuple[list[str], dict[str, npt.NDArray[Any]], dict[str, str]]:
        return self._bundle.kept(self.record.key)

    def content(self) -> dict[str, Any]:
        return dict(self._bundle.entries[self.record.key].content)

    @property
    def policy_checksums(self) -> list[str]:
        """Checksum of each target task's policy, as of ``bundle.checksums_of_policies``."""
        return list(self._bundle.entries[self.record.key].policies)

    @property
    def kept_tasks(self) -> list[int]:
        kept = set(self._kept[0])
        return [i for i, task in enumerate(self.record.targets) if task.key in kept]

    @property
    def keeps_policies(self) -> bool:
        return bool(self.record.targets) and len(self.kept_tasks) == len(self.record.targets)

    def episodes(self) -> dict[str, npt.NDArray[Any]]:
        self._refuse_without(EPISODES)
        return self._bundle.columns(self.record)

    def task_means(self) -> dict[str, Means]:
        columns = self.episodes()
        keys, codes = np.unique(columns["task"], return_inverse=True)
        try:
            return means_by_task(
                keys.tolist(), codes, columns, [task.key for task in self.record.targets]
            )
        except KeyError as error:
            raise DataError(f"{self.folder} has no episode of its target task {error}.") from error

    def policies(self, registry: Registry | None = None) -> StorablePolicies:
        """The policies that are kept, in the order of ``kept_tasks``.

        Raises:
            DataError: none are, or they are not those of the checksums.
            UnknownNameError: no installed plugin registers their kind.
        """
        self._refuse_without(POLICIES)
        tasks, arrays, metadata = self._kept
        if not tasks:
            raise DataError(
                f"The board keeps no policy of {self.folder}, only its checksums: of each row and "
                "family it keeps one task's."
            )
        with self.record.naming_its_files():
            found = policies_of(arrays, metadata, self.folder, registry)
        order = [tasks.index(self.record.targets[i].key) for i in self.kept_tasks]
        kept, said = found.take(order), self.policy_checksums
        for i, checksum in zip(self.kept_tasks, checksums_of_policies(kept), strict=True):
            if said[i : i + 1] != [checksum]:
                raise DataError(
                    f"The policy of {self.folder} for task {self.record.targets[i].key} was "
                    "altered: its checksum differs from the line's. Restore the board from a copy."
                )
        return kept

    def check(self, *names: str) -> tuple[str, ...]:
        names = names or tuple(self.record.results)
        for name in names:
            self._refuse_without(name)
            if name == EPISODES:
                self.episodes()
            elif name == POLICIES and self.kept_tasks:
                self.policies()
        return names

    def faults(self) -> list[str]:
        if self.record.content_sha256 not in (None, content_checksum(self.content())):
            return ["its line was altered: its content differs from its checksum"]
        try:
            self.check()
        except DataError as error:
            return [str(error)]
        return []

    @property
    def keeps_generator(self) -> bool:
        return False

    def _refuse_without(self, name: str) -> None:
        if name not in self.record.sha256:
            raise DataError(
                f"The run in {self.folder} has no {name}: its status is {self.record.status!r}."
            )
