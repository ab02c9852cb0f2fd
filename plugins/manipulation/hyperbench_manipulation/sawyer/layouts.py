"""The stored layouts: where object and goal are in each of a task's 50 variants."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"
LAYOUTS = DATA / "layouts.json"


@cache
def stored_layouts() -> dict[str, Any]:
    """What ``python -m hyperbench_manipulation.sawyer draw`` has written.

    By task: ``features`` (names), ``values`` (50 lists of one number per feature [m]) and how many
    draws were refused because they were not feasible or the expert did not solve them.
    """
    tasks: dict[str, Any] = json.loads(LAYOUTS.read_text(encoding="utf-8"))["tasks"]
    return tasks


def layout_values(task: str) -> list[dict[str, float]]:
    """The values of the features [m] in each of a task's stored layouts."""
    stored = stored_layouts()[task]
    return [dict(zip(stored["features"], row, strict=True)) for row in stored["values"]]
