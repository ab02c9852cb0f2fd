"""``hyperbench inspect``: how well runs' policies clone, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hyperbench.errors import DataError
from hyperbench.measuring.cloning import Stage, inspect_run
from hyperbench.records.bundled import open_run
from hyperbench.records.find import find_runs
from hyperbench.records.record import RunRecord
from hyperbench.registry import installed
from hyperbench.view.console import print_listing, standard_error, standard_output

out = standard_output()
err = standard_error()


def inspect_command(folders: Sequence[Path], data_dir: Path, as_json: bool) -> None:
    """Show every method's run in some folders that keeps its generator.

    Raises:
        DataError: there is none, or one lacks its demonstrations.
    """
    registry = installed()
    runs = [open_run(folder) for folder in find_runs(folders)]
    chosen = [run for run in runs if not run.record.is_arm and run.record.status == "ok"]
    if not chosen:
        raise DataError(
            f"Of {len(runs)} runs none is a method's that succeeded; others have no generator."
        )
    # Where there is none, the first run says what to do.
    kept = [run for run in chosen if run.keeps_generator] or chosen[:1]
    inspected = [(run.record, inspect_run(run, registry, data_dir)) for run in kept]
    if len(kept) < len(chosen):
        err.print(
            f"{len(chosen) - len(kept)} of {len(chosen)} runs keep no generator, as those of "
            "committed boards, and are left out.",
            highlight=False,
        )
    if as_json:
        print(json.dumps([_jsonable(*pair) for pair in inspected], indent=1))
        return
    for record, stages in inspected:
        rows = [(stage.name, _mean(stage.source), _mean(stage.validation)) for stage in stages]
        print_listing(record.label, [("policies", "source", "validation"), *rows], out)
    out.print(
        "\nMean squared error of the actions, bounds scaled to [-1, 1]; mean over tasks.",
        style="dim",
        highlight=False,
    )


def _mean(losses: dict[str, float]) -> str:
    return f"{np.mean(list(losses.values())):.5f}" if losses else "no tasks"


def _jsonable(record: RunRecord, stages: list[Stage]) -> dict[str, Any]:
    run = record.model_dump(mode="json", include={"key", "method", "overrides", "family", "seeds"})
    return {**run, "stages": [vars(stage) for stage in stages]}
