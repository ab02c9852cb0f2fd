"""``hyperbench inspect``: how well runs' policies clone, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.boards.worlds import method_labels
from hyperbench.errors import DataError
from hyperbench.measuring.cloning import Stage, inspect_run
from hyperbench.records.bundled import open_run
from hyperbench.records.record import RunRecord
from hyperbench.registry import installed
from hyperbench.view.console import print_listing, standard_error, standard_output

out = standard_output()
err = standard_error()


def inspect_command(
    folders: Sequence[Path], data_dir: Path, as_json: bool, choice: Choice = EVERYTHING
) -> None:
    """Show every method's run in some folders that keeps its generator, and means over runs.

    Raises:
        DataError: there is none, or one lacks its demonstrations.
    """
    registry = installed()
    runs = [open_run(folder) for folder in find_chosen(folders, choice, with_arms=False)]
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
    labels = method_labels([record for record, _ in inspected])
    rows: dict[tuple[str, str, str], list[list[Stage]]] = {}
    for record, stages in inspected:
        _show(record.label, [stages])
        row = labels[record.key], record.family, record.protocol.id
        rows.setdefault(row, []).append(stages)
    for (method, family, protocol), found in rows.items():
        if len(found) > 1:
            _show(f"{method} on {family} ({protocol}, mean over {len(found)} runs)", found)
    out.print(
        "\nMean squared error of the actions, bounds scaled to [-1, 1]; mean over tasks.",
        style="dim",
        highlight=False,
    )


def _show(title: str, runs: Sequence[Sequence[Stage]]) -> None:
    """Show what each stage of some runs, which have the same ones, lost in the mean."""
    rows = [
        (stages[0].name, _mean([s.source for s in stages]), _mean([s.validation for s in stages]))
        for stages in zip(*runs, strict=True)
    ]
    print_listing(title, [("policies", "source", "validation"), *rows], out)


def _mean(losses: Sequence[dict[str, float]]) -> str:
    """Mean over runs of the mean over tasks."""
    means = [np.mean(list(by_task.values())) for by_task in losses if by_task]
    return f"{np.mean(means):.5f}" if means else "no tasks"


def _jsonable(record: RunRecord, stages: list[Stage]) -> dict[str, Any]:
    run = record.model_dump(mode="json", include={"key", "method", "overrides", "family", "seeds"})
    return {**run, "stages": [vars(stage) for stage in stages]}
