"""The runs behind a board: settings, seeds, cost, and where each was made."""

from __future__ import annotations

import json
from typing import Any

from hyperbench import statistics
from hyperbench.records.record import RunRecord
from hyperbench.report.content import BoardContent
from hyperbench.table import MISSING, fixed

View = dict[str, Any]


def runs_view(content: BoardContent) -> View:
    """Settings of every method, its runs, and the machines and versions they were made with."""
    by_run = content.table.groupby("run")
    scores = by_run["score"].agg(statistics.clipped_mean).to_dict()
    returns = by_run["mean_return"].mean().to_dict()
    places: list[str] = []
    methods: dict[str, View] = {}
    order = {row.method: i for i, row in enumerate(content.board.rows)}
    for labelled in sorted(
        content.runs,
        key=lambda run: (
            *(order[run.method], run.family),
            *(run.record.seeds.split, run.record.seeds.fit),
        ),
    ):
        record = labelled.record
        made = record.provenance
        commit = made.commit and made.commit[:12] + (" with changes" if made.dirty else "")
        place = {"machine": f"{made.machine}, {made.num_cores} cores", "commit": commit or MISSING}
        text = json.dumps({**place, **made.versions})
        if text not in places:
            places.append(text)
        view = methods.setdefault(
            labelled.method,
            {
                "method": labelled.method,
                "is_arm": record.is_arm,
                "config": {name: _setting(value) for name, value in record.config.items()},
                "overrides": set(record.overrides),
                "num_failed": 0,
                "runs": [],
            },
        )
        view["num_failed"] += record.status == "failed"
        split, cost = record.split, record.cost
        view["runs"].append(
            {
                "key": record.key,
                "family": labelled.family,
                "cells": [
                    str(record.seeds.split),
                    MISSING if record.is_arm else str(record.seeds.fit),
                    fixed(scores.get(record.key), 3),
                    fixed(returns.get(record.key), 1),
                    f"{len(split.source)} / {len(split.validation)} / {len(split.target)}"
                    if split
                    else MISSING,
                    _episodes(record),
                    fixed(cost.fit_seconds, 1),
                    fixed(cost.rollout_seconds, 1),
                ],
                "device": record.device,
                "created": made.created[:16].replace("T", " "),
                "where": str(places.index(text) + 1),
                "status": record.status,
                "error": record.error,
            }
        )
    return {"methods": list(methods.values()), "places": [json.loads(p).items() for p in places]}


def _episodes(record: RunRecord) -> str:
    """Episodes on target tasks, and how many of them were not the judged ones."""
    num_tasks = len(record.split.target) if record.split and record.status == "ok" else 0
    extra = record.num_target_rollouts - num_tasks * record.protocol.num_episodes
    return f"{record.num_target_rollouts}" + (f", {extra} not judged" if extra > 0 else "")


def _setting(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
