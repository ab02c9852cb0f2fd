"""Bringing: demonstrations that nobody plays become a dataset like those that experts play."""

from __future__ import annotations

from pathlib import Path

from hyperbench.adapters.minari_data import read_minari
from hyperbench.demonstration import Demonstrations
from hyperbench.disk import check_writable
from hyperbench.errors import DataError
from hyperbench.family import TaskFamily
from hyperbench.files import new_folder
from hyperbench.measuring.dataset import (
    DATA_REMEDY,
    Dataset,
    brought_as,
    dataset,
    load,
    note_brought,
    num_demonstrations,
)
from hyperbench.measuring.manifest import DATA_FILES, MANIFEST, write_manifest
from hyperbench.measuring.storage import sum_of, write_episodes
from hyperbench.run import Run
from hyperbench.task import TaskSpec


def bring(family: TaskFamily, asked: str, num_episodes: int, data_dir: Path) -> Dataset:
    """Make demonstrations from elsewhere those of a family.

    What was brought before stays where it is; from now on runs use these.

    Args:
        family: one that nobody demonstrates.
        asked: as for ``read_minari``.
        num_episodes: of each task that a protocol asks for.
        data_dir: root of all demonstrations.

    Raises:
        DataError: as ``read_minari``, or the family has demonstrators.
        StorageError: they cannot be written.
    """
    if family.info.has_demonstrators:
        raise DataError(
            f"Demonstrations of {family.info.id} are played by {family.info.expert_version}, and "
            "others are not brought in their place. Bring them for a family of another id that "
            "declares has_demonstrators=False, such as a GymnasiumFamily without an expert."
        )
    episodes = read_minari(asked, family, num_demonstrations(family, num_episodes))
    by_key = {task.key: row for task, row in episodes.items()}
    found = brought_as(
        family, num_episodes, {key: sum_of(row) for key, row in by_key.items()}, data_dir
    )
    check_writable(found.folder.parent, DATA_REMEDY)
    with new_folder(found.folder, DATA_REMEDY, (MANIFEST, *DATA_FILES)) as draft:
        write_episodes(draft / "data", family, episodes, f"brought from {asked}")
        write_manifest(draft, found.identity, None, by_key)
    note_brought(family, found, data_dir)
    return found


def brought_to(
    run: Run, family: TaskFamily, tasks: tuple[TaskSpec, ...], data_dir: Path
) -> Demonstrations:
    """Read brought demonstrations of some tasks, those that a run was planned with.

    Args:
        run: of the family, or its record.
        family: one that nobody demonstrates.
        tasks: which.
        data_dir: root of all demonstrations.

    Raises:
        DataError: they are missing, altered, or others were brought since.
    """
    found = dataset(family, run.protocol.num_demonstrations, data_dir)
    if found.key != run.demonstrations:
        raise DataError(
            f"{run.label} is of other demonstrations than were brought last to {data_dir}. Bring "
            "them again, or measure the run again, with: hyperbench run"
        )
    return load(family, found, tasks)
