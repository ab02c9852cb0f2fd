"""Where runs are: their folders, in or below those that a user names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hyperbench.disk import reading
from hyperbench.errors import DataError
from hyperbench.files import DRAFT
from hyperbench.records.bundle import LINES, Bundle
from hyperbench.records.store import RECORD

RECORDS = "records"
"""Folder of a committed board in which its runs lie, in bundles or in folders of their own."""

CHECKPOINT = ".checkpoint-"
"""What the names of the folders begin with that hold the state of a fit, beside those of runs."""


def find_runs(folders: Iterable[Path]) -> list[Path]:
    """Every run in or below the given folders, in a fixed order; links are followed.

    A run is named by its folder, or as ``bundled.open_run`` reads it.

    Raises:
        DataError: a folder does not exist, cannot be read, holds no run, or a damaged bundle.
    """
    found: dict[str, Path] = {}  # by where it is: several links may lead there
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"No folder {folder}. Give a folder that `hyperbench run` wrote.")
        runs = runs_below(folder)
        if not runs:
            raise DataError(f"No run in {folder}. Give a folder that `hyperbench run` wrote.")
        for place, run in runs.items():
            found[place] = min(run, found.get(place, run))
    return sorted(found.values())


def runs_below(folder: Path) -> dict[str, Path]:
    """The run folders in or below a folder, by where they really are; there may be none.

    Raises:
        DataError: it, or a folder below, cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise error

    runs: dict[str, Path] = {}
    seen = set()
    with reading(folder):
        for place, below, files in os.walk(folder, onerror=refuse, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:  # a link may lead back up
                below.clear()
                continue
            seen.add(real)
            if Path(place).name == RECORDS:
                for name in sorted(files):
                    if name.endswith(LINES):
                        bundle = Path(place) / name
                        for key in Bundle.read(bundle).entries:
                            runs[f"{real}/{name}/{key}"] = bundle / key
            if RECORD in files:
                runs[real] = Path(place)
                below.clear()
            # Neither is finished, and either may be gone in a moment.
            below[:] = sorted(name for name in below if not name.startswith((DRAFT, CHECKPOINT)))
    return runs
