"""``hyperbench merge``: the runs of several machines in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyperbench.records.gather import merge
from hyperbench.view.console import standard_output


def merge_command(folders: Sequence[Path], output_dir: Path) -> None:
    """Copy runs and tell how many.

    Raises:
        DataError: as ``gather.merge``.
    """

    def tell(line: str) -> None:
        standard_output().print(line, highlight=False, markup=False, soft_wrap=True)

    copied = merge(folders, output_dir, lambda note: tell(f"note: {note}"))
    tell(f"Copied {len(copied)} runs to {output_dir}.")
