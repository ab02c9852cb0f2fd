"""What the site's own pages print: every board at a glance, and each method's rows everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hyperbench.boards.row import Board, Estimate, Row
from hyperbench.boards.statistic import BY_NAME
from hyperbench.report.palette import Style
from hyperbench.report.sections import bar_view
from hyperbench.run import without_track
from hyperbench.site.boards import SiteBoard, file_name
from hyperbench.table import bracket, fixed

View = dict[str, Any]
_SHOWN = ("above_half", "success_rate", "interpolation", "extrapolation")
_COSTS = ("num_runs", "num_parameters", "fit_seconds")


def glance_view(boards: Sequence[SiteBoard], looks: Mapping[str, Style]) -> View:
    """The headline of each row on each board: methods first, then controls.

    Those that are on the most boards come first, and of these the best on average. A method that
    sees no support has one line, also where others see some.
    """
    found: dict[str, dict[int, Estimate]] = {}
    labels: dict[str, str] = {}  # of the first board that has it
    for place, board in enumerate(boards):
        for row in board.rows:
            headline = row[board.content.board.headline.name]
            if headline.value is not None:
                name = without_track(row.method)
                found.setdefault(name, {})[place] = headline
                labels.setdefault(name, row.method)
    # Its own, if some board has it by that name alone, so that it looks as on that board.
    drawn = {name: looks.get(name, looks[label]) for name, label in labels.items()}

    def order(name: str) -> tuple[bool, int, float, str]:
        values = [estimate.value or 0.0 for estimate in found[name].values()]
        return drawn[name].is_control, -len(values), -sum(values) / len(values), name

    return {
        "columns": [
            {"board": board, "headline": board.content.board.headline.axis} for board in boards
        ],
        "rows": [
            {
                "method": name,
                "style": drawn[name],
                "page": page_of(labels[name], boards),
                "cells": [
                    _cell(found[name].get(place), drawn[name]) for place in range(len(boards))
                ],
            }
            for name in sorted(found, key=order)
        ],
    }


def page_of(row: str, boards: Sequence[SiteBoard]) -> str | None:
    """The page of the method that a row is of; None of a control."""
    names = (board.methods.get(row) for board in boards)
    return next((file_name("methods", name) for name in names if name), None)


def list_view(board: SiteBoard) -> View:
    """A line of the list of boards."""
    content = board.content
    first = [row.method for row in board.rows if row["rank"].value == 1]
    return {
        "board": board,
        "summary": content.runs[0].record.protocol.summary,
        "families": len(content.board.families),
        "methods": len(board.methods),
        "runs": len(content.runs),
        "first": first,
    }


def method_view(name: str, boards: Sequence[SiteBoard], looks: Mapping[str, Style]) -> View:
    """All rows of a method, board by board."""
    rows = [
        (board, row)
        for board in boards
        for row in board.rows
        if board.methods.get(row.method) == name
    ]
    shown = [s for s in _SHOWN if any(row[s].value is not None for _, row in rows)]
    return {
        "name": name,
        "header": [BY_NAME[s].heading for s in (*shown, *_COSTS)],
        "rows": [
            {
                "board": board,
                "row": row.method,
                "place": _place(row, board.content.board),
                "headline": _cell(row[board.content.board.headline.name], looks[row.method]),
                "kind": board.content.board.headline.axis,
                "cells": [_fixed(row, statistic) for statistic in (*shown, *_COSTS)],
            }
            for board, row in rows
        ],
    }


def _place(row: Row, board: Board) -> str:
    """A row's rank and how many have one."""
    ranked = sum(other["rank"].value is not None for other in board.rows)
    rank = row["rank"].value
    return "–" if rank is None else f"{rank:.0f} of {ranked}"


def _cell(found: Estimate | None, style: Style) -> View | None:
    if found is None or found.value is None:
        return None
    return {
        "text": fixed(found.value, 3),
        "short": fixed(found.value, 2),
        "interval": bracket(found.interval) if found.interval else "",
        "bar": bar_view(found, style),
    }


def _fixed(row: Row, name: str) -> str:
    statistic = BY_NAME[name]
    value = row[name].value
    return fixed(value if value is None else value * statistic.factor, statistic.num_decimals)
