"""Where runs are: their folders, in or below those that a user names."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hyperbench.disk import reading
from hyperbench.errors import DataError
from hyperbench.files import DRAFT
from hyperbench.records.lines import method_of, read_lines

RECORD = "record.json"
"""The file that makes a folder that of a run."""
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
                    bundle = Path(place) / name
                    if method_of(bundle) is not None:
                        for key in read_lines(bundle):
                            runs[f"{real}/{name}/{key}"] = bundle / key
            if RECORD in files:
                runs[real] = Path(place)
                below.clear()
            # Neither is finished, and either may be gone in a moment.
            below[:] = sorted(name for name in below if not name.startswith((DRAFT, CHECKPOINT)))
    return runs


def is_bundled(place: Path) -> bool:
    """Whether a run lies in a bundle rather than in a folder of its own."""
    return method_of(place.parent) is not None and place.parent.is_file()


def content_of(place: Path) -> dict[str, Any]:
    """What the record of a run that was found says, as JSON, unchecked.

    Raises:
        DataError: it cannot be read.
    """
    if is_bundled(place):
        return read_lines(place.parent)[place.name].content
    with reading(place):
        content: dict[str, Any] = json.loads((place / RECORD).read_bytes())
    return content
