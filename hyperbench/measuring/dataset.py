"""Demonstrations on disk: expert episodes as a Minari dataset with a checksum manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from hyperbench.demonstration import Demonstrations
from hyperbench.disk import check_writable, reading
from hyperbench.errors import DataError, HyperbenchError, one_line
from hyperbench.family import TaskFamily
from hyperbench.files import new_folder, read_file, sha256_file
from hyperbench.measuring.storage import Recorder, read_episodes, write_episodes
from hyperbench.policy import ARITHMETIC
from hyperbench.rollout import EpisodeProgress, episode_seeds, rollout
from hyperbench.seeding import content_hash
from hyperbench.task import TaskSpec

MANIFEST = "manifest.json"
_SEED_ROOT = 0
"""Demonstrations are part of the benchmark: their seeds are the same for everybody."""
_FORMAT_VERSION = 1
DATA_REMEDY = "Choose another place with --data-dir."
"""What helps where demonstrations cannot be written."""
_DATA = ("data/*.hdf5", "data/*.json")


@dataclass(frozen=True)
class Dataset:
    """One family's demonstrations on disk.

    Args:
        folder: holds ``manifest.json`` and, in ``data``, the Minari dataset.
        identity: what the episodes are of: family, experts, physics, seeds, number of episodes.
    """

    folder: Path
    identity: dict[str, Any]

    @property
    def key(self) -> str:
        """The identity's content hash; part of every run's identity."""
        return content_hash(self.identity)

    def problem(self, code: str | None = None) -> str | None:
        """Why these files must not be used: missing, for something else, altered; None if sound.

        Args:
            code: fingerprint of the family's; None if it does not matter what made them. Files from
                before there were fingerprints count as made by any.
        """
        path = self.folder / MANIFEST
        try:
            manifest = _Manifest.model_validate_json(read_file(path))
        except FileNotFoundError:
            return "missing"
        except (OSError, DataError, ValidationError):
            return f"unreadable: {path}"
        if manifest.identity != self.identity:
            return f"made for something else than {self.identity['family']} as installed"
        if code is not None and manifest.code not in (None, code):
            return f"made by other code than that of {self.identity['family']} as installed"
        # What else lies there, such as a desktop's or a network disk's own files, nobody reads.
        if odd := {self.folder / name for name in manifest.sha256} ^ self._files():
            named = ", ".join(sorted(str(path) for path in odd))
            return f"incomplete: manifest and folder disagree on {named}"
        if not manifest.sha256:
            return "incomplete: its manifest lists no file"
        for name, expected in manifest.sha256.items():
            try:
                found = sha256_file(self.folder / name)
            except OSError as error:
                return f"unreadable: {self.folder / name}: {error.strerror}"
            if found != expected:
                return f"corrupt: the checksum of {self.folder / name} differs from its manifest"
        return None

    def _files(self) -> set[Path]:
        """The files that Minari reads."""
        found = (path for pattern in _DATA for path in self.folder.glob(pattern))
        return {path for path in found if not path.name.startswith(".")}


class _Manifest(BaseModel):
    """What ``manifest.json`` holds."""

    model_config = ConfigDict(extra="forbid")

    identity: dict[str, Any]
    code: str | None = None
    sha256: dict[str, str]


def dataset(family: TaskFamily, num_episodes: int, data_dir: Path) -> Dataset:
    """Where the demonstrations of ``family`` belong; nothing is read or written.

    Args:
        family: whose experts demonstrate.
        num_episodes: episodes per task that a protocol asks for; ``FamilyInfo.min_demonstrations``
            may ask for more.
        data_dir: root of all demonstrations. Each folder below it is a Minari root, in which a
            dataset is called after its family.
    """
    num_episodes = max(num_episodes, family.info.min_demonstrations)
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
    root = data_dir / f"{num_episodes}-episodes-{content_hash(identity, 8)}"
    return Dataset(root / family.info.id, identity)


def prepare(
    family: TaskFamily,
    found: Dataset,
    code: str | None = None,
    *,
    num_threads: int = 1,
    progress: EpisodeProgress | None = None,
) -> None:
    """Let the demonstrators of all tasks play and write what they did, replacing what was there.

    Args:
        family: whose demonstrators play.
        found: where to write, from ``dataset``.
        code: fingerprint of the family's, to be kept beside.
        num_threads: physics threads.
        progress: told (steps done, horizon).

    Raises:
        DataError: the folder cannot be written.
    """
    check_writable(found.folder.parent, DATA_REMEDY)
    num_episodes = int(found.identity["num_episodes"])
    recorder = Recorder(family.info.horizon)
    table = rollout(
        family,
        family.tasks,
        family.demonstrators(family.tasks),
        episode_seeds(_SEED_ROOT, "demonstration", family.tasks, num_episodes),
        num_threads=num_threads,
        execution_noise=family.info.execution_noise,
        watch=recorder,
        progress=progress,
    )
    with new_folder(found.folder, DATA_REMEDY, (MANIFEST, *_DATA)) as draft:
        write_episodes(draft / "data", family, table, recorder)
        checksums = {
            path.relative_to(draft).as_posix(): sha256_file(path)
            for path in sorted(draft.glob("data/*"))
        }
        manifest = {"identity": found.identity, "code": code, "sha256": checksums}
        text = json.dumps(manifest, indent=2) + "\n"
        (draft / MANIFEST).write_text(text, encoding="utf-8")


def load(family: TaskFamily, found: Dataset, tasks: Sequence[TaskSpec]) -> Demonstrations:
    """Read the demonstrations of some tasks, after checking every checksum.

    Raises:
        DataError: the dataset is missing or must not be used.
    """
    problem = found.problem()
    if problem is not None:
        raise DataError(
            f"Demonstrations of {family.info.id} are {problem}. "
            f"Make them with: hyperbench prepare --suite {family.info.id}"
        )
    wanted = {task.key for task in tasks}
    data = found.folder / "data"
    try:
        with reading(data):
            num_all = len(family.tasks) * int(found.identity["num_episodes"])
            episodes = read_episodes(data, wanted, num_all)
    except HyperbenchError:
        raise
    except Exception as error:  # whatever HDF5 and Minari say of what is none of theirs
        raise DataError(f"{data} holds no demonstrations: {one_line(error)}") from error
    return Demonstrations(
        tuple(tasks),
        tuple(tuple(episodes[task.key]) for task in tasks),
        family.action_space.low.astype(np.float32),
        family.action_space.high.astype(np.float32),
    )
