"""Manifests: which tasks a dataset holds, what made it, and the sums that it is checked by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hyperbench.errors import DataError
from hyperbench.family import TaskFamily
from hyperbench.files import read_file, sha256_file
from hyperbench.measuring.storage import Episodes, sum_of

MANIFEST = "manifest.json"
DATA_FILES = ("data/*.hdf5", "data/*.json")
"""What Minari reads."""
MISSING = "missing"
"""What demonstrations are that nobody has needed yet."""


class UnsoundError(DataError):
    """Demonstrations that must not be used: missing, for something else, altered.

    Args:
        family: whose.
        problem: what they are.
    """

    def __init__(self, family: str, problem: str) -> None:
        super().__init__(
            f"Demonstrations of {family} are {problem}. "
            f"Make them with: hyperbench prepare --suite {family}"
        )
        self.problem = problem


class Manifest(BaseModel):
    """What ``manifest.json`` holds."""

    model_config = ConfigDict(extra="forbid")

    identity: dict[str, Any]
    """What the episodes are of."""
    code: str | None = None
    """Fingerprint of the family's code that made them."""
    tasks: dict[str, str] | None = None
    """The sum of each task's arrays, by its key, for those that are there, in the order of the
    episodes. None in older ones, where all the family's tasks are there."""
    sha256: dict[str, str]
    """The sum of each file. Of a damaged one HDF5 may never finish reading, so it sees none."""

    def there(self, family: TaskFamily) -> list[str]:
        """Keys of the tasks that are there, in the order of the episodes."""
        return [task.key for task in family.tasks] if self.tasks is None else list(self.tasks)

    def agrees(self, key: str, episodes: Episodes) -> bool:
        """Whether a task's episodes are what they were when they were written."""
        return self.tasks is None or self.tasks[key] == sum_of(episodes)


def write_manifest(
    folder: Path, identity: dict[str, Any], code: str | None, episodes: Mapping[str, Episodes]
) -> None:
    """Write the manifest of a dataset that lies in a folder.

    Args:
        folder: of the dataset.
        identity: what the episodes are of.
        code: fingerprint of the family's that made them.
        episodes: of each task that is there, by its key, in their order.
    """
    manifest = Manifest(
        identity=identity,
        code=code,
        tasks={key: sum_of(row) for key, row in episodes.items()},
        sha256={
            path.relative_to(folder).as_posix(): sha256_file(path)
            for path in sorted(folder.glob("data/*"))
        },
    )
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")


def read_manifest(folder: Path, identity: dict[str, Any], code: str | None) -> Manifest:
    """Read what should be in a folder.

    Args:
        folder: of a dataset.
        identity: what the episodes must be of.
        code: fingerprint of the family's that must have made them; None if it does not matter.
            Files from before there were fingerprints count as made by any.

    Raises:
        UnsoundError: nothing is there, or none of that.
    """
    id_, path = identity["family"], folder / MANIFEST
    try:
        manifest = Manifest.model_validate_json(read_file(path))
    except FileNotFoundError:
        raise UnsoundError(id_, MISSING) from None
    except (OSError, DataError, ValidationError) as error:
        raise UnsoundError(id_, f"unreadable: {path}") from error
    if manifest.identity != identity:
        raise UnsoundError(id_, f"made for something else than {id_} as installed")
    if code is not None and manifest.code not in (None, code):
        raise UnsoundError(id_, f"made by other code than that of {id_} as installed")
    if not manifest.sha256:
        raise UnsoundError(id_, f"incomplete: {path} lists no file")
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Check the files of a dataset by their sums.

    Raises:
        UnsoundError: some are missing, more than there should be, or altered.
    """
    id_, sums = manifest.identity["family"], manifest.sha256
    paths = (path for pattern in DATA_FILES for path in folder.glob(pattern))
    # What else lies there, such as a desktop's or a network disk's own files, nobody reads.
    there = {path for path in paths if not path.name.startswith(".")}
    if odd := {folder / name for name in sums} ^ there:
        named = ", ".join(sorted(str(path) for path in odd))
        raise UnsoundError(id_, f"incomplete: manifest and folder disagree on {named}")
    for name, expected in sums.items():
        path = folder / name
        try:
            is_sound = sha256_file(path) == expected
        except OSError as error:
            raise UnsoundError(id_, f"unreadable: {path}: {error.strerror}") from error
        if not is_sound:
            raise UnsoundError(id_, f"corrupt: the checksum of {path} differs from its manifest")
