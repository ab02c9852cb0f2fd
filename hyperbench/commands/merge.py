"""``hyperbench merge``: the runs of several machines in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from hyperbench.records.gather import merge
from hyperbench.view.console import standard_output


def merge_command(folders: Sequence[Path], output_dir: Path) -> None:
    """Copy runs, tell how many, and which cannot be read.

    Raises:
        DataError: as ``gather.merge``.
    """
    damaged: list[str] = []
    copied = merge(folders, output_dir, damaged)
    for text in damaged:
        line = f"left out: {text}"
        Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)
    line = f"Copied {len(copied)} runs to {output_dir}."
    standard_output().print(line, highlight=False, markup=False, soft_wrap=True)
