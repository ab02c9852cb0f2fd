"""What the page's templates print, board by board: text, and the numbers of small pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hyperbench.boards.row import Board, Estimate
from hyperbench.boards.statistic import BY_NAME
from hyperbench.boards.tables import cost_table, score_table, summary_table
from hyperbench.report import board_charts, charts
from hyperbench.report.charts import Chart
from hyperbench.report.content import BoardContent, FamilyContent
from hyperbench.report.palette import Style
from hyperbench.table import MISSING, bracket, fixed

_BAR_MARGIN = 4
"""Per cent of the width of a drawing of scores, so that the outermost dots have room."""
View = dict[str, Any]


def board_view(
    content: BoardContent, id_: str, styles: Mapping[str, Style], drawn: dict[str, Chart]
) -> View:
    """Everything the template of one board needs.

    Args:
        content: the board.
        id_: begins every id of this board on the page.
        styles: of all methods of the report.
        drawn: receives the charts, by id.
    """
    board = content.board
    drawn[f"{id_}-profile"] = board_charts.profile_chart(content.table, styles)
    drawn[f"{id_}-distance"] = board_charts.distance_chart(content.table, styles)
    costs = []
    for i, (title, chart) in enumerate(board_charts.cost_charts(board, styles).items()):
        drawn[f"{id_}-cost{i}"] = chart
        costs.append((f"{id_}-cost{i}", title))
    protocol = content.runs[0].record.protocol
    families = [
        family_view(family, f"{id_}-f{i}", styles, drawn)
        for i, family in enumerate(content.families)
    ]
    return {
        "id": id_,
        "title": board.title,
        "summary": protocol.summary,
        "facts": _facts(content),
        **_score_view(board, styles),
        "has_interval": any(row["score"].interval for row in board.rows),
        "legend": board.headline.legend,
        "notes": board.notes,
        "failures": board.failures,
        "by_family": _by_family(content, id_),
        "mean_ranks": [_mean_rank(row["mean_rank"]) for row in board.rows],
        "summaries": summary_table(board),
        "families": families,
        "kinds": {family["kind"] for family in families},
        "profile": f"{id_}-profile",
        "distance": f"{id_}-distance",
        "costs": costs,
        "cost_table": cost_table(board),
    }


def family_view(
    family: FamilyContent, id_: str, styles: Mapping[str, Style], drawn: dict[str, Chart]
) -> View:
    """One family: a curve for one feature, heat maps for two, points for more."""
    here = charts.drawn(family.table, styles)
    num_sources = {len(specs) for specs in family.sources.values()}
    sources = " or ".join(str(num) for num in sorted(num_sources))
    splits = f", {len(family.sources)} splits" if len(family.sources) > 1 else ""
    view: View = {
        "id": id_,
        "label": family.label,
        "summary": family.info.summary.removesuffix("."),
        "facts": f"{sources} source and {len(family.targets)} target specs{splits}.",
        "methods": [style.method for style in here],
        "tasks": _tasks(family, here),
        "chart": id_ + "-chart",
        "origin": [
            ("id", family.info.id),
            ("physics", family.info.physics),
            ("experts", family.info.expert_version),
            ("horizon", f"{family.info.horizon} steps"),
            ("licence", family.info.licence),
            ("cite", family.info.citation),
        ],
    }
    if len(family.names) == 1:
        drawn[view["chart"]] = charts.feature_chart(family, styles)
        return {**view, "kind": "curve", "height": 330}
    if len(family.names) > 2:
        drawn[view["chart"]] = charts.strip_chart(family, styles)
        return {**view, "kind": "strip", "height": 70 + 46 * len(here)}
    panels = charts.grid_charts(family, styles)
    drawn.update({f"{id_}-m{i}": chart for i, chart in enumerate(panels.values())})
    means = family.table.groupby("method")["mean_return"].mean()
    return {
        **view,
        "kind": "grid",
        "scale": _ends(*charts.scale(family)),
        "panels": [
            {
                "method": style.method,
                "is_control": style.is_control,
                "shown": style.shown,
                "chart": f"{id_}-m{i}",
                "mean": f"{means[style.method]:.1f}",
            }
            for i, style in enumerate(here)
        ],
    }


def _facts(content: BoardContent) -> list[str]:
    rows = content.board.rows
    records = [run.record for run in content.runs]
    num_failed = sum(record.status == "failed" for record in records)
    num_controls = sum(row.is_control for row in rows)
    num_pairs = len({(record.seeds.split, record.seeds.fit) for record in records})
    num_episodes = sum(record.num_target_rollouts for record in records)
    return [
        _several(len(content.board.families), "family", "families"),
        f"{_several(len(rows) - num_controls, 'method')} and {_several(num_controls, 'control')}",
        f"{_several(len(records), 'run')}, {num_failed} failed",
        _several(num_pairs, "pair of seeds", "pairs of seeds"),
        f"{num_episodes:,} episodes on target tasks",
    ]


def _score_view(board: Board, styles: Mapping[str, Style]) -> View:
    """The score table, and a bar for each row."""
    table = score_table(board)
    headlines = [row[board.headline.name] for row in board.rows]
    ends = [end for h in headlines for end in h.interval or (h.value,) if end is not None]
    low, high = min([0.0, *ends]), max([1.0, *ends])

    return {
        "header": table.header[1:],
        "headline": BY_NAME[board.headline.name].heading,
        "subject": board.headline.title,
        "bar_range": (f"{low:.2f}", f"{high:.2f}"),
        "ticks": [(place(0.0, low, high), "0"), (place(1.0, low, high), "1")],
        "rows": [
            {
                "method": row.method,
                "is_control": row.is_control,
                "style": styles[row.method],
                "bar": bar_view(row[board.headline.name], styles[row.method], low, high),
                "cells": cells[1:],
            }
            for row, cells in zip(board.rows, table.rows, strict=True)
        ],
    }


def bar_view(found: Estimate, style: Style, low: float = 0.0, high: float = 1.0) -> View:
    """An estimate as a drawing: per cent of the width where its dot and its interval are."""
    return {
        "ticks": [place(0.0, low, high), place(1.0, low, high)],
        "low": place(found.low, low, high),
        "high": place(found.high, low, high),
        "at": place(found.value, low, high),
        "token": style.token,
    }


def place(value: float | None, low: float, high: float) -> float | None:
    """Where a number is drawn between two others, in per cent of the width."""
    if value is None:
        return None
    share = (value - low) / (high - low)
    return round(_BAR_MARGIN + (100 - 2 * _BAR_MARGIN) * share, 1)


def _by_family(content: BoardContent, id_: str) -> list[View]:
    board = content.board
    if len(board.families) < 2:
        return []
    ids = {family.label: f"{id_}-f{i}" for i, family in enumerate(content.families)}

    def item(score: float | None) -> View:
        if score is None:
            return {"text": MISSING, "share": None}
        return {"text": f"{score:.3f}", "share": round(100 * min(max(score, 0.0), 1.0))}

    return [
        {
            "label": family,
            "id": ids.get(family, id_),
            "cells": [item(board.of_family(row, family)) for row in board.rows],
        }
        for family in board.families
    ]


def _mean_rank(found: Estimate) -> View:
    """Empty where there is none."""
    if found.value is None:
        return {}
    return {"value": fixed(found.value, 2), "interval": bracket(found.interval, 2)}


def _tasks(family: FamilyContent, here: list[Style]) -> list[View]:
    table = family.table
    means = table.groupby(["task", "method"])["mean_return"].mean().to_dict()
    found = []
    for key in sorted(family.targets, key=lambda key: family.targets[key]):
        lines = table[table["task"] == key]
        distances = sorted(set(lines["distance"].dropna().round(3)))
        regions = sorted(set(lines["region"].dropna()))
        values = [means.get((key, style.method), np.nan) for style in here]
        found.append(
            {
                "label": charts.task_label(family, key),
                "region": regions[0] if len(regions) == 1 else "either",
                "cells": [
                    _span(distances),
                    *(fixed(value, 1) for value in values),
                ],
            }
        )
    return found


def _ends(low: float, high: float) -> list[str]:
    """Lowest and highest value of a scale, with digits that matter at its width."""
    num_decimals = max(0, 2 - int(np.floor(np.log10(high - low)))) if high > low else 0
    return [f"{end:.{num_decimals}f}" for end in (low, high)]


def _span(values: list[float]) -> str:
    if not values:
        return MISSING
    return f"{values[0]:g}" if len(values) == 1 else f"{values[0]:g}–{values[-1]:g}"


def _several(count: int, one: str, many: str = "") -> str:
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"
