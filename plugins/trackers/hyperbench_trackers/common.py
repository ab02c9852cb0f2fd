"""What all trackers say of a run, and where they keep it."""

from __future__ import annotations

import re
from pathlib import Path

from hyperbench.run import Run, spelled

EXPERIMENT = "hyperbench"
"""What a tracker's experiment or project is called, unless the user names it."""
_LONGEST_NAME = 100


def folder_of(runs: Path, tracker: str) -> Path:
    """Where a tracker keeps its files, beside the runs."""
    return runs / "trackers" / tracker


def tags_of(run: Run) -> dict[str, str]:
    """What a run is found by: what it is of, its seeds and its key."""
    return {
        "method": run.method,
        "row": run.row_label,
        "family": run.family,
        "protocol": run.protocol.id,
        "split_seed": str(run.seeds.split),
        "fit_seed": str(run.seeds.fit) if run.is_fitted else "",
        "device": run.device,
        "key": run.key,
    }


def settings_of(run: Run) -> dict[str, bool | int | float | str]:
    """All settings of a run's method, each a number or a text."""
    return {
        name: value if isinstance(value, bool | int | float) else spelled(value)
        for name, value in run.config.items()
    }


def name_of_file(label: str) -> str:
    """A label as the name of a folder."""
    return re.sub(r"[^\w.=+-]+", "-", label).strip("-.")[:_LONGEST_NAME]
