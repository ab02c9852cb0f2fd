"""Charts of a whole board as Plotly's JSON: profiles, distance, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from hyperbench.boards.row import Board, Estimate
from hyperbench.report import series
from hyperbench.report.charts import Chart, compared_at_x, curve_traces, drawn, numbers, of_style
from hyperbench.report.palette import Style

COSTS = {"trainable parameters": ("num_parameters", ""), "time to fit": ("fit_seconds", " [s]")}
"""Per cost the statistic that has it, and its unit."""


def profile_chart(table: pd.DataFrame, styles: Mapping[str, Style]) -> Chart:
    """Performance profiles: the higher a line, the more runs x tasks score above the threshold."""
    traces = []
    for style in drawn(table, styles):
        curve = series.profile(table[table["method"] == style.method])
        traces += curve_traces(curve, style, "%{y:.2f}", markers=False)
    return {
        "data": traces,
        "layout": {
            **compared_at_x("score threshold τ", "score > %{x}"),
            "yaxis": {
                "title": {"text": "share with score > τ"},
                "range": [0, 1.02],
            },
        },
    }


def distance_chart(table: pd.DataFrame, styles: Mapping[str, Style]) -> Chart:
    """Score against distance to the nearest source spec."""
    traces = []
    for style in drawn(table, styles):
        curve = series.distance_curve(table[table["method"] == style.method])
        traces += curve_traces(curve, style, "%{y:.3f}<br>distance %{customdata}")
    return {
        "data": traces,
        "layout": {
            "hovermode": "closest",
            "xaxis": {"title": {"text": "distance to the nearest source spec"}},
            "yaxis": {"title": {"text": "score"}},
        },
    }


def _cost_chart(board: Board, styles: Mapping[str, Style], name: str, title: str) -> Chart | None:
    """Headline against one cost of the learned methods, on a logarithmic axis.

    Args:
        board: the rows.
        styles: of the methods.
        name: of the cost, a statistic.
        title: of the axis.

    Returns:
        None where no row knows both.
    """
    traces = []
    found = costed(board, name)
    ends = [cost for _, cost, _ in found]
    middle = np.sqrt(min(ends, default=0.0) * max(ends, default=0.0))
    for method, cost, headline in found:
        style = styles[method]
        score = headline.value or 0.0
        low, high = headline.interval or (score, score)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "x": [float(f"{cost:.5g}")],
                "y": numbers([score]),
                "text": ["  " + method.replace(" [", "  <br>  [") + "  "],
                # Towards the middle, where there is room for a long name.
                "textposition": "middle right" if cost < middle else "middle left",
                "textfont": {"color": "@ink"},
                "cliponaxis": False,
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": numbers([high - score]),
                    "arrayminus": numbers([score - low]),
                    "color": f"@{style.token}",
                    "thickness": 1.4,
                    "width": 0,
                },
                "marker": {"symbol": style.marker, "size": 10, "color": f"@{style.token}"},
                "hovertemplate": f"{title} %{{x}}<br>score %{{y:.3f}}<extra>{method}</extra>",
                **of_style(style),
            }
        )
    if not traces:
        return None
    return {
        "data": traces,
        "layout": {
            "hovermode": "closest",
            "xaxis": {"title": {"text": title}, "type": "log", **_decades(ends)},
            "yaxis": {
                "title": {"text": board.headline.axis},
                "range": numbers(headline_range(board, name)),
            },
        },
    }


def costed(board: Board, name: str) -> list[tuple[str, float, Estimate]]:
    """The learned methods of which both headline and this cost are known, with the two."""
    found = [
        (row.method, row[name].value, row[board.headline.name])
        for row in board.rows
        if not row.is_control
    ]
    return [
        (method, cost, headline)
        for method, cost, headline in found
        if cost and headline.value is not None
    ]


def headline_range(board: Board, name: str) -> tuple[float, float]:
    """What the headline's axis shows where it is set against a cost: 0 to 1, and what lies beyond.

    Left to itself an axis is as wide around a single point as it likes, below no success, too.
    """
    headlines = [headline for _, _, headline in costed(board, name)]
    shown = [end for found in headlines for end in (found.value or 0.0, *(found.interval or ()))]
    low, high = min([0.0, *shown]), max([1.0, *shown])
    margin = 0.04 * (high - low)
    return low - margin, high + margin


def cost_charts(board: Board, styles: Mapping[str, Style]) -> dict[str, Chart]:
    """The headline against size and against fitting time, by what it is set against."""
    found = {
        title: _cost_chart(board, styles, name, f"{title}{unit}")
        for title, (name, unit) in COSTS.items()
    }
    return {title: chart for title, chart in found.items() if chart is not None}


def _decades(costs: Sequence[float]) -> Chart:
    """A range wide enough for the names beside the outermost points, ticks at powers of ten."""
    values = np.log10(costs)
    middle, half = (values.min() + values.max()) / 2, (values.max() - values.min()) / 2
    half = max(0.6, half * 1.35)
    return {"range": numbers([middle - half, middle + half]), "dtick": 1}
