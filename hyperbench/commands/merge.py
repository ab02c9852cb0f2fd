"""``hyperbench merge``: the runs of several machines in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyperbench.records.gather import merge
from hyperbench.view.console import print_line, standard_error, standard_output


def merge_command(folders: Sequence[Path], output_dir: Path) -> None:
    """Copy runs, tell how many, and which cannot be read.

    Raises:
        DataError: as ``gather.merge``.
    """

    def tell(line: str) -> None:
        print_line(line, standard_output())

    damaged: list[str] = []
    copied = merge(folders, output_dir, damaged, lambda note: tell(f"note: {note}"))
    for text in damaged:
        line = f"left out: {text}"
        print_line(line, standard_error())
    tell(f"Copied {len(copied)} runs to {output_dir}.")
