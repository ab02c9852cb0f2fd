"""Charts of one family as Plotly's JSON, without colours: the page fills those in for its theme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from hyperbench.feature import digits_apart
from hyperbench.report import series
from hyperbench.report.content import FamilyContent
from hyperbench.report.palette import Style
from hyperbench.report.series import Curve
from hyperbench.task import LABEL_DIGITS

Chart = dict[str, Any]
"""``data`` and ``layout`` as Plotly takes them. A string ``@token`` or ``@token/opacity`` stands
for a colour of ``palette``; ``meta`` of a trace names the method that the reader can hide."""


def feature_chart(family: FamilyContent, styles: Mapping[str, Style]) -> Chart:
    """Return against the one feature; below it, a row of ticks per split marks the sources."""
    traces = []
    for style in drawn(family.table, styles):
        curve = series.feature_curve(family, style.method)
        traces += curve_traces(curve, style, "%{y:.1f}%{customdata}")
    for row, (seed, specs) in enumerate(family.sources.items()):
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": positions(spec[0] for spec in specs),
                "y": [-row] * len(specs),
                "yaxis": "y2",
                "name": "source spec",
                "marker": {
                    "symbol": "line-ns",
                    "size": 9,
                    "line": {"width": 1.6, "color": "@ink"},
                },
                "hovertemplate": f"source spec on split {seed}<extra></extra>",
            }
        )
    num_rows = len(family.sources)
    strip = min(0.3, 0.02 + 0.035 * num_rows)
    return {
        "data": traces,
        "layout": {
            **compared_at_x(
                family.axis(0),
                f"{family.names[0]} %{{x}} {family.units[0]}".rstrip(),
                anchor="y2",
                **ticks(family, 0),
            ),
            "yaxis": {"title": {"text": "return"}, "domain": [strip + 0.02, 1]},
            "yaxis2": {
                "domain": [0, strip],
                "range": [-num_rows + 0.4, 0.6],
                "showgrid": False,
                "zeroline": False,
                "ticks": "",
                "tickvals": [(1 - num_rows) / 2],
                "ticktext": ["source"],
                "fixedrange": True,
            },
        },
    }


def grid_charts(family: FamilyContent, styles: Mapping[str, Style]) -> dict[str, Chart]:
    """Per method a heat map of returns over two features; all share one scale of colours."""
    grids = {
        style.method: series.feature_grid(family, style.method)
        for style in drawn(family.table, styles)
    }
    low, high = scale(family)
    fractions = series.source_fractions(family)
    sources = {
        "type": "scatter",
        "mode": "markers",
        "x": positions(x for x, _ in fractions),
        "y": positions(y for _, y in fractions),
        "marker": {
            "symbol": "circle-open",
            "size": numbers(4 + 3 * share for share in fractions.values()),
            "color": "@ink",
        },
        "hovertemplate": f"source spec<br>{family.names[0]} %{{x}}<br>{family.names[1]} %{{y}}"
        "<extra></extra>",
    }
    charts = {}
    for method, (columns, rows, grid) in grids.items():
        heat = {
            "type": "heatmap",
            "x": positions(columns),
            "y": positions(rows),
            "z": [numbers(line) for line in grid],
            "zmin": low,
            "zmax": high,
            "colorscale": "Viridis",
            "showscale": False,
            "hoverongaps": False,
            "hovertemplate": f"{family.names[0]} %{{x}}<br>{family.names[1]} %{{y}}<br>"
            "return %{z:.1f}<extra></extra>",
        }
        axes: Chart = {
            name: {
                "title": {"text": family.axis(i)},
                "showgrid": False,
                "zeroline": False,
                **ticks(family, i),
            }
            for i, name in enumerate(("xaxis", "yaxis"))
        }
        layout: Chart = {"hovermode": "closest", **axes}
        charts[method] = {"data": [heat, sources], "layout": layout}
    return charts


def strip_chart(family: FamilyContent, styles: Mapping[str, Style]) -> Chart:
    """Return of every run and task, one line of points a method, for three features and more."""
    traces = []
    for style in drawn(family.table, styles):
        runs = family.table[family.table["method"] == style.method]
        labels = [task_label(family, key) for key in runs["task"]]
        traces.append(
            {
                "type": "box",
                "orientation": "h",
                "boxpoints": "all",
                "x": numbers(runs["mean_return"]),
                # Settings go below the name, or a phone has no room for the points.
                "y": [style.method.replace(" [", "<br>[")] * len(runs),
                "text": labels,
                "pointpos": 0,
                "jitter": 0.7,
                "whiskerwidth": 0,
                "fillcolor": "rgba(0,0,0,0)",
                "line": {"width": 1.4, "color": f"@{style.token}"},
                "marker": {"size": 4, "opacity": 0.45, "color": f"@{style.token}"},
                "hoveron": "points",
                "hovertemplate": "return %{x:.1f}<br>%{text}<extra></extra>",
                **of_style(style),
            }
        )
    return {
        "data": traces,
        "layout": {
            "hovermode": "closest",
            "xaxis": {"title": {"text": "return"}},
            "yaxis": {"autorange": "reversed", "automargin": True, "showgrid": False},
        },
    }


def compared_at_x(title: str, label: str, **axis: Any) -> Chart:
    """The part of a layout by which one label compares all methods where the reader points.

    Args:
        title: of the x axis.
        label: its heading, as Plotly's template.
        axis: what else Plotly is to know of the x axis.
    """
    return {
        "hovermode": "x unified",
        "hoverdistance": -1,
        "xaxis": {"title": {"text": title}, "unifiedhovertitle": {"text": label}, **axis},
    }


def ticks(family: FamilyContent, i: int) -> Chart:
    """The part of an axis by which it, and what is said of its points, names categories."""
    names = family.categories[i]
    return {"tickvals": [*range(len(names))], "ticktext": [*names]} if names else {}


def scale(family: FamilyContent) -> tuple[float, float]:
    """Lowest and highest mean return of any method on any task of a family."""
    by_task = family.table.groupby(["method", "task"])["mean_return"].mean()
    return float(by_task.min()), float(by_task.max())


def drawn(table: pd.DataFrame, styles: Mapping[str, Style]) -> list[Style]:
    """The styles of the methods that occur, in the order in which they are drawn."""
    present = set(table["method"])
    return [style for method, style in styles.items() if method in present]


def task_label(family: FamilyContent, key: str) -> str:
    """A target task for people: ``speed=4.5 m/s, colour=red``."""
    columns = zip(*family.targets.values(), strict=True)
    digits = [digits_apart(values, LABEL_DIGITS) for values in columns]
    parts = zip(
        family.names, family.targets[key], family.units, family.categories, digits, strict=True
    )
    return ", ".join(
        f"{name}={names[int(value)] if names else f'{value:.{n}g}'} {unit}".rstrip()
        for name, value, unit, names, n in parts
    )


def numbers(values: Iterable[Any]) -> list[float | None]:
    """Five significant digits are more than a screen can show; JSON has no NaN."""
    array = np.asarray(list(values), dtype=np.float64)
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in array.tolist()]


def positions(values: Iterable[float]) -> list[float]:
    """As ``numbers``, with as many digits more as tell different ones apart."""
    places = [float(value) for value in values]
    num_digits = digits_apart(places, 5)
    return [float(f"{place:.{num_digits}g}") for place in places]


def curve_traces(curve: Curve, style: Style, hover: str, markers: bool = True) -> list[Chart]:
    """A line and, of a learned method, its band.

    Args:
        curve: the numbers.
        style: of the method.
        hover: what a label says of a point, as Plotly's template.
        markers: whether points are marked, where the style marks any.
    """
    traces: list[Chart] = []
    x = positions(curve.x)
    known = np.isfinite(curve.low)
    if curve.has_band and not style.is_control:
        edge = np.concatenate([curve.x[known], curve.x[known][::-1]])
        band = np.concatenate([curve.high[known], curve.low[known][::-1]])
        traces.append(
            {
                "type": "scatter",
                "x": positions(edge),
                "y": numbers(band),
                "fill": "toself",
                "fillcolor": f"@{style.token}/0.15",
                "line": {"width": 0},
                "mode": "lines",
                "hoverinfo": "skip",
                **of_style(style),
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers" if markers and not style.is_control else "lines",
            "x": x,
            "y": numbers(curve.y),
            "customdata": curve.notes,
            "line": {"width": 1.6, "color": f"@{style.token}", "dash": style.dash},
            "marker": {"symbol": style.marker, "size": 5.5, "color": f"@{style.token}"},
            "hovertemplate": hover,
            **of_style(style),
        }
    )
    return traces


def of_style(style: Style) -> Chart:
    """What ties a trace to its method."""
    return {"name": style.method, "meta": style.method, "visible": style.shown}
