"""Demonstrations on disk: expert episodes as a Minari dataset with a checksum manifest."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyperbench.demonstration import Demonstrations
from hyperbench.disk import check_writable, reading, refused_by_disk
from hyperbench.errors import DataError, one_line
from hyperbench.family import TaskFamily
from hyperbench.files import new_folder, read_file, write_file
from hyperbench.measuring.manifest import (
    DATA_FILES,
    MANIFEST,
    MISSING,
    Manifest,
    UnsoundError,
    check_files,
    read_manifest,
    write_manifest,
)
from hyperbench.measuring.storage import (
    Episodes,
    Recorder,
    read_episodes,
    write_episodes,
)
from hyperbench.policy import ARITHMETIC
from hyperbench.registry.files import given_plugins
from hyperbench.rollout import EpisodeProgress, episode_seeds, rollout
from hyperbench.seeding import content_hash
from hyperbench.task import TaskSpec

_SEED_ROOT = 0
"""Demonstrations are part of the benchmark: their seeds are the same for everybody."""
_FORMAT_VERSION = 1
DATA_REMEDY = "Choose another place with --data-dir."
"""What helps where demonstrations cannot be written."""


@dataclass(frozen=True)
class Dataset:
    """One family's demonstrations on disk, of those tasks that somebody has needed.

    Args:
        folder: holds ``manifest.json`` and, in ``data``, the Minari dataset.
        identity: what the episodes are of: family, all its tasks, experts, physics, seeds, number
            of episodes.
    """

    folder: Path
    identity: dict[str, Any]

    @property
    def key(self) -> str:
        """The identity's content hash; part of every run's identity."""
        return content_hash(self.identity)

    @property
    def num_episodes(self) -> int:
        """Episodes of each task."""
        return int(self.identity["num_episodes"])


def dataset(family: TaskFamily, num_episodes: int, data_dir: Path) -> Dataset:
    """Where the demonstrations of ``family`` belong; no demonstration is read or written.

    Args:
        family: whose experts demonstrate.
        num_episodes: episodes per task that a protocol asks for; ``FamilyInfo.min_demonstrations``
            may ask for more.
        data_dir: root of all demonstrations. Each folder below it is a Minari root, in which a
            dataset is called after its family.

    Raises:
        DataError: the family's demonstrations are brought, and none were.
    """
    if not family.info.has_demonstrators:
        return _brought(family, num_demonstrations(family, num_episodes), data_dir)
    num_episodes = num_demonstrations(family, num_episodes)
    identity = {
        "format": _FORMAT_VERSION,
        "arithmetic": ARITHMETIC,
        "family": family.info.id,
        "tasks": content_hash([task.key for task in family.tasks]),
        "experts": family.info.expert_version,
        "physics": family.info.physics,
        "num_episodes": num_episodes,
        "seed_root": _SEED_ROOT,
    }
    if family.info.execution_noise:
        identity["execution_noise"] = family.info.execution_noise
    return _placed(identity, data_dir)


def num_demonstrations(family: TaskFamily, asked: int) -> int:
    """How many episodes of each task there are where a protocol asks for so many."""
    return max(asked, family.info.min_demonstrations)


def brought_as(
    family: TaskFamily, num_episodes: int, sums: Mapping[str, str], data_dir: Path
) -> Dataset:
    """Where demonstrations from elsewhere belong.

    Args:
        family: whose they are to be.
        num_episodes: as for ``dataset``.
        sums: of each task's episodes, by its key.
        data_dir: as for ``dataset``.
    """
    identity = {
        "format": _FORMAT_VERSION,
        "family": family.info.id,
        "tasks": content_hash([task.key for task in family.tasks]),
        "brought": content_hash(dict(sums)),
        "num_episodes": num_demonstrations(family, num_episodes),
    }
    return _placed(identity, data_dir)


def note_brought(family: TaskFamily, found: Dataset, data_dir: Path) -> None:
    """Let a family's demonstrations be those that were brought last.

    Raises:
        StorageError: the note cannot be written.
    """
    path = _note(family, found.num_episodes, data_dir)
    check_writable(path.parent, DATA_REMEDY)
    write_file(path, json.dumps(found.identity, indent=2) + "\n", DATA_REMEDY)


def _brought(family: TaskFamily, num_episodes: int, data_dir: Path) -> Dataset:
    """What was brought last."""
    path = _note(family, num_episodes, data_dir)
    plugged_in = [word for plugin in given_plugins() for word in ("--plugin", plugin)]
    words = ["prepare", *plugged_in, "--suite", family.info.id, "--from", "DATASET"]
    remedy = f"Bring them with: hyperbench {shlex.join(words)}"
    try:
        identity = json.loads(read_file(path))
        found = _placed(identity, data_dir)
    except FileNotFoundError:
        raise DataError(
            f"Demonstrations of {family.info.id} are brought, and in {data_dir} there are none of "
            f"{num_episodes} episodes a task. {remedy}"
        ) from None
    except (OSError, DataError, ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path} cannot be read: {one_line(error)}. {remedy}") from error
    if identity["tasks"] != content_hash([task.key for task in family.tasks]):
        raise DataError(
            f"The demonstrations brought to {data_dir} are of other tasks than {family.info.id} "
            f"has now. {remedy}"
        )
    return found


def _note(family: TaskFamily, num_episodes: int, data_dir: Path) -> Path:
    return data_dir / "brought" / f"{family.info.id}-{num_episodes}-episodes.json"


def _placed(identity: dict[str, Any], data_dir: Path) -> Dataset:
    root = data_dir / f"{identity['num_episodes']}-episodes-{content_hash(identity, 8)}"
    return Dataset(root / identity["family"], identity)


def prepare(
    family: TaskFamily,
    found: Dataset,
    code: str | None = None,
    *,
    tasks: Sequence[TaskSpec] | None = None,
    kept: Mapping[str, Episodes] | None = None,
    num_threads: int = 1,
    progress: EpisodeProgress | None = None,
) -> None:
    """Let the demonstrators of tasks play and write what they did, replacing what was there.

    Args:
        family: whose demonstrators play.
        found: where to write, from ``dataset``.
        code: fingerprint of the family's, to be kept beside.
        tasks: whose demonstrators play; all if not given.
        kept: episodes of other tasks, from ``sound``, that are written as well.
        num_threads: physics threads.
        progress: told (steps done, horizon).

    Raises:
        DataError: the folder cannot be written.
    """
    check_writable(found.folder.parent, DATA_REMEDY)
    tasks = family.tasks if tasks is None else tasks
    recorder = Recorder()
    table = rollout(
        family,
        tasks,
        family.demonstrators(tasks),
        episode_seeds(_SEED_ROOT, "demonstration", tasks, found.num_episodes),
        num_threads=num_threads,
        execution_noise=family.info.execution_noise,
        watch=recorder,
        progress=progress,
    )
    episodes = {**(kept or {}), **recorder.episodes(table)}
    # In one order, so that the dataset is the same however it came about.
    there = {task: episodes[task.key] for task in family.tasks if task.key in episodes}
    with new_folder(found.folder, DATA_REMEDY, (MANIFEST, *DATA_FILES)) as draft:
        write_episodes(draft / "data", family, there, f"expert {family.info.expert_version}")
        by_key = {task.key: row for task, row in there.items()}
        write_manifest(draft, found.identity, code, by_key)


def load(
    family: TaskFamily, found: Dataset, tasks: Sequence[TaskSpec], code: str | None = None
) -> Demonstrations:
    """Read the demonstrations of some tasks, and nothing of others, and check their sums.

    Args:
        family: whose.
        found: where they are, from ``dataset``.
        tasks: which.
        code: fingerprint of the family's; None if it does not matter what made them. Files from
            before there were fingerprints count as made by any.

    Raises:
        UnsoundError: they are missing or must not be used.
        StorageError: the disk does not give them.
    """
    while True:
        before = _stamp(found)
        try:
            manifest = read_manifest(found.folder, found.identity, code)
            episodes = _episodes(family, found, manifest, [task.key for task in tasks])
            break
        except UnsoundError:
            # Another process may have put more tasks in their place meanwhile.
            if _stamp(found) == before:
                raise
    return Demonstrations(
        tuple(tasks),
        tuple(episodes[task.key] for task in tasks),
        family.action_space.low.astype(np.float32),
        family.action_space.high.astype(np.float32),
    )


def sound(family: TaskFamily, found: Dataset, code: str | None) -> dict[str, Episodes]:
    """All episodes that others may be put beside, by the keys of their tasks.

    Args:
        family: whose.
        found: where they are, while nobody else writes there.
        code: as for ``load``.

    Raises:
        UnsoundError: nothing there may be used.
        StorageError: the disk does not give them.
    """
    manifest = read_manifest(found.folder, found.identity, code)
    return _episodes(family, found, manifest, manifest.there(family))


def _episodes(
    family: TaskFamily, found: Dataset, manifest: Manifest, wanted: Sequence[str]
) -> dict[str, Episodes]:
    """Read and check the episodes of tasks whose keys are given."""
    there = manifest.there(family)
    if not set(wanted) <= set(there):
        raise UnsoundError(family.info.id, MISSING)
    check_files(found.folder, manifest)
    data = found.folder / "data"
    with reading(data):
        try:
            episodes = read_episodes(data, there, wanted, found.num_episodes)
        except Exception as error:  # whatever HDF5 and Minari say of what is none of theirs
            if refused_by_disk(error) is not None:
                raise
            raise UnsoundError(family.info.id, f"corrupt: {data}: {one_line(error)}") from error
    # Between one look at the folder and the next, another dataset may have come into its place.
    for key, row in episodes.items():
        if not manifest.agrees(key, row):
            why = f"corrupt: the checksum of task {key} in {data} differs from its manifest"
            raise UnsoundError(family.info.id, why)
    return episodes


def _stamp(found: Dataset) -> tuple[int, int] | None:
    """What tells one dataset in a place from the next."""
    try:
        stat = (found.folder / MANIFEST).stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns
