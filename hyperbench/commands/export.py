"""``hyperbench export``: boards and scores as files for spreadsheets, papers and programs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.boards.citing import bibtex
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.scores import long_table, score_arrays
from hyperbench.boards.tables import TEXT_FORMATS, WITHOUT_NOTES
from hyperbench.errors import DataError, UnknownNameError
from hyperbench.files import write_file
from hyperbench.records.gather import gather
from hyperbench.records.store import StoredRun
from hyperbench.view.boards import print_notes
from hyperbench.view.console import standard_error


def export_command(
    folders: Sequence[Path], format_: str, output: Path, choice: Choice = EVERYTHING
) -> None:
    """Write a file of the runs in some folders.

    Args:
        folders: with runs in or below them.
        format_: one of ``TEXT_FORMATS`` for the boards; ``parquet`` or ``rliable`` for the scores
            that they are made of, as ``long_table`` and ``score_arrays`` describe them; ``bibtex``
            for what is to be cited.
        output: the file.
        choice: which of these runs.

    Raises:
        HyperbenchError: the format is unknown or cannot hold these runs, a run is damaged, or the
            file cannot be written.
    """
    if format_ not in (*TEXT_FORMATS, *_RUN_FORMATS):
        raise UnknownNameError("format", format_, (*TEXT_FORMATS, *_RUN_FORMATS))
    runs = find_chosen(folders, choice)
    if format_ in TEXT_FORMATS:
        boards = make_boards(runs)
        content = TEXT_FORMATS[format_](boards).encode()
        if format_ in WITHOUT_NOTES:
            print_notes(boards, standard_error())
    else:
        gathered = gather(runs).runs
        if all(run.record.status == "failed" for run in gathered):
            raise DataError("There are no scores to export: every run failed.")
        content = _RUN_FORMATS[format_](gathered)
    write_file(output, content)


def _parquet(runs: Sequence[StoredRun]) -> bytes:
    file = io.BytesIO()
    long_table(runs).to_parquet(file, index=False)
    return file.getvalue()


def _rliable(runs: Sequence[StoredRun]) -> bytes:
    file = io.BytesIO()
    # Not by savez: a method may be called as one of its arguments is, such as "file".
    with zipfile.ZipFile(file, "w") as archive:
        for method, scores in score_arrays(runs).items():
            with archive.open(f"{method}.npy", "w") as member:
                np.save(member, scores)
    return file.getvalue()


_RUN_FORMATS: dict[str, Callable[[Sequence[StoredRun]], bytes]] = {
    "parquet": _parquet,
    "rliable": _rliable,
    "bibtex": lambda runs: bibtex(runs).encode(),
}
