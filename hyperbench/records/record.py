"""Records: all that is known of one run, apart from its episodes and policies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from hyperbench.errors import UnknownNameError
from hyperbench.family import FamilyInfo
from hyperbench.generator import FitReport
from hyperbench.provenance import Provenance
from hyperbench.registry.code import Fingerprints
from hyperbench.registry.plugins import PluginFile
from hyperbench.run import Run
from hyperbench.seeding import content_hash
from hyperbench.split import Region, Split
from hyperbench.task import TaskSpec

GENERATOR = "generator"
"""Folder in which the fitted generator is saved. Nothing but ``hyperbench inspect`` needs it, so it
may be deleted to save space; the run remains finished."""


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="strings"
    )


class TaskEntry(_Frozen):
    """One task of a split."""

    key: str
    """The spec's content hash."""
    features: dict[str, float]
    """Feature values in their units."""
    region: Region | None = None
    """Inside or outside what the source specs span, see ``Split.region``; of target tasks only."""
    distance: float | None = None
    """Distance to the nearest source spec, see ``Split.nearest_source``; of target tasks only."""


class SplitEntry(_Frozen):
    """Which tasks were learned from, chosen by and judged."""

    source: tuple[TaskEntry, ...]
    validation: tuple[TaskEntry, ...]
    target: tuple[TaskEntry, ...]

    @classmethod
    @lru_cache(maxsize=64)  # all runs on one split share it, and telling regions takes a while
    def of(cls, split: Split) -> Self:
        """A split as a record keeps it."""

        def entries(tasks: tuple[TaskSpec, ...], judged: bool = False) -> tuple[TaskEntry, ...]:
            return tuple(
                TaskEntry(
                    key=task.key,
                    features=dict(zip(task.space.names, task.values, strict=True)),
                    region=split.region(task) if judged else None,
                    distance=split.nearest_source(task)[1] if judged else None,
                )
                for task in tasks
            )

        return cls(
            source=entries(split.source),
            validation=entries(split.validation),
            target=entries(split.target, judged=True),
        )


class Cost(_Frozen):
    """What a run cost."""

    num_parameters: int | None = None
    """Trainable numbers of the generator."""
    policy_parameters: int | None = None
    """Numbers in one generated policy."""
    fit_seconds: float | None = None
    """Wall-clock time of ``fit``."""
    generate_seconds: float | None = None
    """Wall-clock time of ``generate`` for all target tasks together."""
    rollout_seconds: float | None = None
    """Wall-clock time of all judged episodes."""
    peak_memory: int | None = None
    """Most memory that the run's process held while it lasted, in bytes: Python, libraries and
    demonstrations included. None where the system does not say, and in older records."""
    peak_gpu_memory: int | None = None
    """Most memory that torch held on the GPU, in bytes; None where none was used."""


class RunRecord(Run):
    """Everything known about one run, apart from its episodes and policies."""

    schema_version: Literal[2] = 2
    family_info: FamilyInfo
    """The family, as it was when the run was made."""
    num_support: int = 0
    """Demonstrations of each target task that were handed to ``generate``."""
    status: Literal["ok", "failed"]
    error: str | None = None
    """Why the run failed, in one line."""
    traceback: str | None = None
    """Where it failed."""
    split: SplitEntry | None = None
    """Which tasks were learned from, chosen by and judged."""
    fit: FitReport | None = None
    """The method's own report on its fit."""
    cost: Cost = Field(default_factory=Cost)
    """What it took."""
    not_stored: str | None = None
    """Why the generated policies were not stored, so that nobody can verify the run; of one that
    failed, why the disk did not take what it gave."""
    num_target_rollouts: int = 0
    """Episodes played on target tasks; more than are judged would show on the board."""
    num_clipped: int = 0
    """Steps of judged episodes in which an action lay outside of its bounds and was clipped."""
    sha256: dict[str, str] = Field(default_factory=dict)
    """Checksums of the other files of the run."""
    provenance: Provenance
    """Where and with what the run was made."""
    fingerprints: Fingerprints = Field(default_factory=Fingerprints)
    """Hashes of the code that made it; empty in older records."""
    plugins: tuple[PluginFile, ...] = ()
    """The single files that registered its method and its family, where such did."""
    content_sha256: str | None = None
    """Checksum of all the rest of the record; None in records from before there was one."""

    @property
    def targets(self) -> tuple[TaskEntry, ...]:
        """The tasks that are judged, in the order of the policies."""
        return self.split.target if self.split else ()

    @property
    def num_judged(self) -> int:
        """Episodes that count."""
        return len(self.targets) * self.protocol.num_episodes

    @property
    def results(self) -> dict[str, str]:
        """Checksums of what the run gave: episodes and policies.

        Not of the fitted generator, which may be deleted.
        """
        return {
            name: digest
            for name, digest in self.sha256.items()
            if not name.startswith(f"{GENERATOR}/")
        }

    @contextmanager
    def naming_its_files(self) -> Iterator[None]:
        """Let a name that nobody registers say which single file did when the run was made."""
        try:
            yield
        except UnknownNameError as error:
            if self.plugins:
                names = " and ".join(file.name for file in self.plugins)
                hint = f"The run was made with {names}: give it with --plugin."
                error.args = (f"{error} {hint}",)
            raise


def content_checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of what a ``record.json`` says, apart from this checksum; its layout does not matter.

    Args:
        content: the parsed file.

    Raises:
        ValueError: it holds a bare NaN or Infinity, which is never written.
    """
    said = {name: value for name, value in content.items() if name != "content_sha256"}
    return content_hash(said, 64)
