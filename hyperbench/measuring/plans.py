"""Plans on disk: what commands meant to do in a folder, so that it can be told what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from hyperbench.disk import writing
from hyperbench.errors import DataError
from hyperbench.files import read_file, write_file
from hyperbench.measuring.locks import Owner, holder, lock_path
from hyperbench.records.find import RECORD, runs_below
from hyperbench.records.schema import read_record
from hyperbench.run import Run
from hyperbench.seeding import content_hash

_FOLDER = ".plans"
_LABELS = TypeAdapter(dict[str, str])

State = Literal["done", "failed", "running", "missing"]


@dataclass(frozen=True)
class RunState:
    """How far one run of a folder is.

    Args:
        key: of the run.
        label: of the run, for people.
        state: what became of it.
        said: the first line of its error.
        owner: which process is at it.
    """

    key: str
    label: str
    state: State
    said: str = ""
    owner: Owner | None = None


def write_plan(runs: Sequence[Run], folder: Path, remedy: str) -> None:
    """Keep what a command means to do.

    Args:
        runs: that it plans.
        folder: of all runs, which must be there.
        remedy: what the user can do when it cannot be written.

    Raises:
        StorageError: the folder of runs cannot be written.
    """
    labels = {run.key: run.label for run in runs}
    text = json.dumps(labels, indent=0) + "\n"
    with writing(folder, remedy):
        (folder / _FOLDER).mkdir(exist_ok=True)
    write_file(folder / _FOLDER / f"{content_hash(sorted(labels))}.json", text, remedy)


def run_states(folder: Path) -> list[RunState]:
    """How far each run is that lies in a folder, or that a command planned to put there.

    Raises:
        DataError: the folder cannot be read.
    """
    states = {}
    for path in sorted(runs_below(folder).values()):
        try:
            record = read_record(path / RECORD)
        except DataError as error:
            states[path.name] = RunState(path.name, path.name, "failed", str(error))
            continue
        done: State = "done" if record.status == "ok" else "failed"
        states[record.key] = RunState(record.key, record.label, done, record.error or "")
    for key, label in _planned(folder).items():
        owner = holder(lock_path(folder, key))
        if owner is not None:
            states[key] = RunState(key, label, "running", owner=owner)
        elif key not in states:
            states[key] = RunState(key, label, "missing")
    return list(states.values())


def _planned(folder: Path) -> dict[str, str]:
    """What commands meant to do: labels, by keys of runs."""
    labels: dict[str, str] = {}
    for path in sorted((folder / _FOLDER).glob("*.json")):
        try:
            labels |= _LABELS.validate_json(read_file(path))
        except (OSError, DataError, ValidationError):  # a damaged plan is none
            continue
    return labels
