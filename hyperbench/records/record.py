"""Records: one run's file, complete enough to check it and to play its policies again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hyperbench.episodes import Means, parse_episodes, task_means, write_episodes
from hyperbench.errors import DataError
from hyperbench.family import FamilyInfo
from hyperbench.files import new_folder, sha256_file
from hyperbench.generator import FitReport, PolicyGenerator
from hyperbench.policy import MLPPolicies, PolicyBatch
from hyperbench.protocol import EvalProtocol, SeedPair, Track
from hyperbench.provenance import Provenance
from hyperbench.rollout import EpisodeTable
from hyperbench.seeding import content_hash
from hyperbench.split import Region

RECORD, EPISODES, POLICIES = "record.json", "episodes.parquet", "policies.safetensors"
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
    """Of target tasks: inside or outside the convex hull of the source specs."""
    distance: float | None = None
    """Of target tasks: Euclidean distance to the nearest source spec, both scaled to [-1, 1]."""


class SplitEntry(_Frozen):
    """Which tasks were learned from, chosen by and judged."""

    source: tuple[TaskEntry, ...]
    validation: tuple[TaskEntry, ...]
    target: tuple[TaskEntry, ...]


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


class RunRecord(_Frozen):
    """Everything known about one run, apart from its episodes and policies."""

    schema_version: Literal[2] = 2
    key: str
    """Content hash of the run's identity; the name of its folder."""
    method: str
    """Name of the method or control arm."""
    is_arm: bool
    """Whether it is a control arm of the harness."""
    overrides: dict[str, Any]
    """Settings that differ from the method's defaults because the user said so."""
    config: dict[str, Any]
    """All settings of the method."""
    method_version: int
    family: str
    family_info: FamilyInfo
    protocol: EvalProtocol
    seeds: SeedPair
    device: str
    track: Track = "zero-shot"
    """What the method may see of a target task."""
    shuffled_spec: bool = False
    """Whether each policy was generated for another target task's spec: a control."""
    num_support: int = 0
    """Demonstrations of each target task that were handed to ``generate``."""
    status: Literal["ok", "failed"]
    error: str | None = None
    """Of a failed run: the error, in one line."""
    traceback: str | None = None
    split: SplitEntry | None = None
    fit: FitReport | None = None
    """The method's own report on its fit."""
    cost: Cost = Field(default_factory=Cost)
    demonstrations: str | None = None
    """Content hash of the demonstrations' identity."""
    num_target_rollouts: int = 0
    """Episodes played on target tasks; more than are judged would show on the board."""
    sha256: dict[str, str] = Field(default_factory=dict)
    """Checksums of the other files of the run."""
    provenance: Provenance
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


def write_record(
    runs_dir: Path,
    record: RunRecord,
    table: EpisodeTable | None = None,
    policies: PolicyBatch | None = None,
    generator: PolicyGenerator | None = None,
) -> RunRecord:
    """Write ``runs_dir/<key>/`` whole or not at all, replacing an earlier attempt.

    Args:
        runs_dir: folder of all runs.
        record: the record; its checksums are filled in.
        table: judged episodes; None for a failed run.
        policies: generated policies; stored where they are ``MLPPolicies``.
        generator: fitted, of a method's run; saved with the record.

    Returns:
        The record with its checksums, its own included.

    Raises:
        DataError: the folder cannot be written.
    """
    folder = runs_dir / record.key
    with new_folder(folder, "Choose another place with --output-dir.") as draft:
        if table is not None:
            write_episodes(draft / EPISODES, table)
        if isinstance(policies, MLPPolicies):
            from safetensors.numpy import save_file

            arrays, metadata = policies.to_arrays()
            # In one entry: safetensors writes several in random order, and the checksum must be
            # the same whenever the policies are.
            save_file(arrays, draft / POLICIES, {"policies": json.dumps(metadata, sort_keys=True)})
        if generator is not None:
            (draft / GENERATOR).mkdir()
            generator.save(draft / GENERATOR)
        files = sorted(path for path in draft.rglob("*") if path.is_file())
        for file in files:
            file.chmod(0o644)  # safetensors lets only the owner read; a record is shared
        checksums = {file.relative_to(draft).as_posix(): sha256_file(file) for file in files}
        record = record.model_copy(update={"sha256": checksums})
        content = json.loads(record.model_dump_json())
        record = record.model_copy(update={"content_sha256": content_checksum(content)})
        (draft / RECORD).write_text(record.model_dump_json(indent=1) + "\n")
    return record


def content_checksum(content: Mapping[str, Any]) -> str:
    """SHA-256 of what a ``record.json`` says, apart from this checksum; its layout does not matter.

    Args:
        content: the parsed file.

    Raises:
        ValueError: it holds a bare NaN or Infinity, which ``write_record`` never writes.
    """
    said = {name: value for name, value in content.items() if name != "content_sha256"}
    return content_hash(said, 64)


def read_record(folder: Path) -> RunRecord:
    """Read a run's record, without its other files.

    Raises:
        DataError: there is none, it is damaged, or it is of an unknown schema.
    """
    path = folder / RECORD
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"No record at {path}: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        advice = ""
        if where == "schema_version":
            advice = (
                " It is of another version of hyperbench: measure it again with that or this one."
            )
        raise DataError(
            f"{path} is not a run's record: {where}: {first['msg']}.{advice}"
        ) from error


def read_episodes(folder: Path, record: RunRecord) -> dict[str, npt.NDArray[Any]]:
    """The judged episodes of a finished run as columns; the checksum is checked.

    Columns: ``task`` (key), ``episode``, ``seed``, ``return``, ``length``, ``terminated`` and,
    where the family has the notion, ``success``; where episodes end at success, ``lasting``:
    whether it was still true at the horizon.

    Raises:
        DataError: the file is missing, altered or unreadable.
    """
    content = _read_checked(folder, EPISODES, record)
    with _readable(folder / EPISODES):
        return parse_episodes(content)


def read_task_means(folder: Path, record: RunRecord) -> dict[str, Means]:
    """Means of a finished run's target tasks, as ``episodes.task_means``; checks the checksum.

    Raises:
        DataError: the file is missing or altered, or lacks a target task.
    """
    content = _read_checked(folder, EPISODES, record)
    try:
        with _readable(folder / EPISODES):
            return task_means(content, [task.key for task in record.targets])
    except KeyError as error:
        raise DataError(f"{folder} has no episode of its target task {error.args[0]}.") from None


def check_files(folder: Path, record: RunRecord) -> tuple[str, ...]:
    """Check a run's files against its record, apart from the generator, which may be deleted.

    Returns:
        Their names.

    Raises:
        DataError: one is missing or altered.
    """
    names = tuple(name for name in record.sha256 if not name.startswith(f"{GENERATOR}/"))
    for name in names:
        _checked(folder, name, record)
    return names


def read_policies(folder: Path, record: RunRecord) -> MLPPolicies:
    """The generated policies of a finished run, in the order of its target tasks.

    Raises:
        DataError: the file is missing, altered or unreadable.
    """
    path = _checked(folder, POLICIES, record)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = json.loads((file.metadata() or {}).get("policies", "{}"))
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return MLPPolicies.from_arrays(arrays, metadata)


def saved_generator(folder: Path, record: RunRecord) -> Path:
    """Where the fitted generator of a finished run was saved, for ``PolicyGenerator.load``.

    Raises:
        DataError: it was not saved, or a file is missing or altered.
    """
    names = [name for name in record.sha256 if name.startswith(f"{GENERATOR}/")]
    if not names or not all((folder / name).is_file() for name in names):
        raise DataError(
            f"The run in {folder} (status {record.status!r}) has no generator, or not any more. "
            "Delete the folder and run it again with: hyperbench run"
        )
    for name in names:
        _checked(folder, name, record)
    return folder / GENERATOR


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """Every run folder in or below the given folders, in a fixed order.

    Raises:
        DataError: a folder does not exist or holds no run.
    """
    found: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"No folder {folder}. Give a folder that `hyperbench run` wrote.")
        runs = set()
        for place, below, files in os.walk(folder):
            if RECORD in files:
                runs.add(Path(place))
                below.clear()
            # A draft was never finished.
            below[:] = [name for name in below if not name.startswith(".draft-")]
        if not runs:
            raise DataError(f"No run in {folder}. Give a folder that `hyperbench run` wrote.")
        found |= runs
    return sorted(found)


def _checked(folder: Path, name: str, record: RunRecord) -> Path:
    _read_checked(folder, name, record)
    return folder / name


def _read_checked(folder: Path, name: str, record: RunRecord) -> bytes:
    path = folder / name
    if name not in record.sha256:
        raise DataError(f"The run in {folder} has no {name}: its status is {record.status!r}.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing. Run it again with: hyperbench run") from None
    if hashlib.sha256(content).hexdigest() != record.sha256[name]:
        raise DataError(f"{path} was altered: its checksum differs from the record's.")
    return content


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
