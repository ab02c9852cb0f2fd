"""``hyperbench status``: what is done in a folder of runs, failed, going on and missing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from hyperbench.errors import DataError
from hyperbench.measuring.plans import RunState, run_states
from hyperbench.view.console import standard_output

_STYLES = {"failed": "red", "running": "yellow", "missing": "dim"}
out = standard_output()


def status_command(folder: Path, as_json: bool) -> None:
    """Show how far the runs of a folder are; those that are done are counted.

    Raises:
        DataError: the folder is none of runs.
    """
    if not folder.is_dir():
        raise DataError(f"No folder {folder}. Give one that `hyperbench run` writes.")
    states = run_states(folder)
    if not states:
        raise DataError(f"No run in {folder}, and no plan. Give one that `hyperbench run` writes.")
    if as_json:
        print(json.dumps([asdict(state) for state in states], indent=1))
        return
    counts: Counter[str] = Counter(state.state for state in states)
    for name, style in _STYLES.items():
        for one in states:
            if one.state == name:
                line = f"[{style}]{name:<7}[/]  {escape(one.label)}{escape(_more(one))}"
                out.print(line, highlight=False, soft_wrap=True)
    said = ", ".join(f"{counts[name]} {name}" for name in ("done", *_STYLES) if counts[name])
    out.print(f"{len(states)} runs: {said}", highlight=False)


def _more(one: RunState) -> str:
    if one.owner is not None:
        since = datetime.fromtimestamp(one.owner.since, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f": process {one.owner.pid} on {one.owner.host}, since {since}"
    return f": {one.said}" if one.said else ""
