"""What the figures for papers have in common: widths, fonts, markers, lines and legends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from hyperbench.report import charts
from hyperbench.report.content import FamilyContent
from hyperbench.report.palette import Style, colours
from hyperbench.report.series import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLUMN, PAGE = 3.3, 6.9
"""Widths in inches: one column of a two-column paper, and both."""
SETTINGS: Any = {
    "pdf.fonttype": 42,  # TrueType: text stays text, as publishers ask
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "#d9dfe5",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 2.6,
    "legend.frameon": False,
}
MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "pentagon": "p",
    "star": "*",
    "line-ew": "",
}
DASHES = {
    "solid": "-",
    "dash": (0, (4, 2)),
    "dot": (0, (1, 1.5)),
    "dashdot": (0, (4, 1.5, 1, 1.5)),
    "longdash": (0, (7, 2)),
    "longdashdot": (0, (7, 1.5, 1, 1.5)),
}
COLOURS = colours(dark=False)


def draw_line(axes: Axes, curve: Curve, style: Style, marker: str | None = None) -> None:
    """Draw a line with its band, in the style of its method; ``marker`` goes before the style's."""
    colour = COLOURS[style.token]
    if curve.has_band and not style.is_control:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
    axes.plot(
        curve.x,
        curve.y,
        color=colour,
        linestyle=DASHES[style.dash],
        marker=MARKERS[style.marker] if marker is None else marker,
        label=style.method,
    )


def new_figure(height: float = 2.3) -> tuple[Figure, Axes]:
    """Make an empty figure one column wide, ``height`` in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(COLUMN, height), layout="constrained")
    return figure, figure.subplots()


def draw_legend(figure: Figure, axes: Axes) -> None:
    """Draw the legend below the axes, and make the figure as high as both need."""
    handles, labels = axes.get_legend_handles_labels()
    # As many columns as the longest name leaves room for.
    num_columns = max(1, min(3, 54 // (6 + max(map(len, labels), default=0))))
    figure.set_figheight(1.85 + 0.15 * -(-len(labels) // num_columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=num_columns)


def name_ticks(axis: Axis, family: FamilyContent, i: int) -> None:
    """Write at the axis of the family's feature ``i`` the names of its categories, if any."""
    if names := family.categories[i]:
        axis.set_ticks(range(len(names)), names)


def shown_styles(table: pd.DataFrame, looks: Mapping[str, Style]) -> list[Style]:
    """Styles of the methods that occur and are not hidden at first, in the order of drawing."""
    return [style for style in charts.drawn(table, looks) if style.shown]
