"""The report's charts for papers: vector PDFs whose fonts are embedded as text, by Matplotlib."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hyperbench.disk import writing
from hyperbench.files import write_file
from hyperbench.report import board_charts, charts, series
from hyperbench.report.content import BoardContent, FamilyContent
from hyperbench.report.drawing import (
    COLOURS,
    MARKERS,
    PAGE,
    SETTINGS,
    draw_legend,
    draw_line,
    name_ticks,
    new_figure,
    shown_styles,
)
from hyperbench.report.needs import require
from hyperbench.report.palette import Style, styles
from hyperbench.report.sweep import Sweep, sweeps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figures(
    contents: Sequence[BoardContent], folder: Path, rows: Collection[str] = ()
) -> list[Path]:
    """Write one PDF a chart, named after suite, protocol and family; those there are replaced.

    Args:
        contents: the boards, as ``read_content`` gives them.
        folder: made where there is none.
        rows: to be drawn though they are controls that are hidden at first.

    Returns:
        The files.

    Raises:
        HyperbenchError: Matplotlib is not installed.
        DataError: the folder cannot be written.
    """
    require("matplotlib")
    from matplotlib import rc_context, rcdefaults, rcParams
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    written = []
    with rc_context():
        rcdefaults()  # a user's own settings must not change the files
        rcParams.update(SETTINGS)
        for name, figure in _figures(contents, rows):
            stem = re.sub(r"[^\w.-]+", "-", name).strip("-")
            path = folder / f"{stem}.pdf"
            file = BytesIO()
            # Without its date the same records give the same file.
            FigureCanvasPdf(figure).print_figure(file, metadata={"CreationDate": None})
            with writing(folder, ""):
                folder.mkdir(parents=True, exist_ok=True)
            write_file(path, file.getvalue())
            written.append(path)
    return written


def _figures(
    contents: Sequence[BoardContent], rows: Collection[str]
) -> Iterator[tuple[str, Figure]]:
    looks = styles((content.board for content in contents), rows)
    for content in contents:
        for name, figure in _of_board(content, looks):
            yield f"{content.name}-{name}", figure
    for sweep in sweeps(contents):
        yield f"{sweep.label}-{sweep.family}", _sweep(sweep, looks)


def _of_board(content: BoardContent, looks: Mapping[str, Style]) -> Iterator[tuple[str, Figure]]:
    yield "scores", _scores(content, looks)
    yield "profiles", _profiles(content, looks)
    yield "distance", _distance(content, looks)
    for title, (name, unit) in board_charts.COSTS.items():
        if board_charts.costed(content.board, name):
            yield title, _cost(content, looks, name, title + unit)
    for family in content.families:
        draw = {1: _feature, 2: _grids}.get(len(family.names), _strips)
        yield f"return-{family.label.removeprefix(content.suite + '/')}", draw(family, looks)


def _scores(content: BoardContent, looks: Mapping[str, Style]) -> Figure:
    board = content.board
    rows = [row for row in board.rows if row[board.headline.name].value is not None]
    figure, axes = new_figure(height=0.5 + 0.17 * len(rows))
    for i, row in enumerate(rows):
        style = looks[row.method]
        colour = COLOURS[style.token]
        headline = row[board.headline.name]
        if headline.interval is not None:
            axes.plot(headline.interval, [i, i], color=colour, alpha=0.4, linewidth=3)
        axes.plot([headline.value or 0.0], [i], marker=MARKERS[style.marker] or "o", color=colour)
    axes.set_yticks(range(len(rows)), [row.method for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel(board.headline.axis)
    axes.grid(visible=False, axis="y")
    return figure


def _profiles(content: BoardContent, looks: Mapping[str, Style]) -> Figure:
    figure, axes = new_figure()
    for style in shown_styles(content.table, looks):
        runs = content.table[content.table["method"] == style.method]
        draw_line(axes, series.profile(runs), style, marker="")
    axes.set_xlabel("score threshold τ")
    axes.set_ylabel("share above τ")
    axes.set_ylim(0, 1.03)
    draw_legend(figure, axes)
    return figure


def _distance(content: BoardContent, looks: Mapping[str, Style]) -> Figure:
    figure, axes = new_figure()
    for style in shown_styles(content.table, looks):
        runs = content.table[content.table["method"] == style.method]
        draw_line(axes, series.distance_curve(runs), style)
    axes.set_xlabel("distance to the nearest source spec")
    axes.set_ylabel("score")
    draw_legend(figure, axes)
    return figure


def _cost(content: BoardContent, looks: Mapping[str, Style], name: str, title: str) -> Figure:
    figure, axes = new_figure()
    for method, x, headline in board_charts.costed(content.board, name):
        style = looks[method]
        colour = COLOURS[style.token]
        if headline.interval is not None:
            axes.plot([x, x], headline.interval, color=colour, alpha=0.5)
        axes.plot(
            [x], [headline.value or 0.0], marker=MARKERS[style.marker], markersize=5, color=colour,
            linestyle="", label=method,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel(title)
    axes.set_ylabel(content.board.headline.axis)
    axes.set_ylim(*board_charts.headline_range(content.board, name))
    draw_legend(figure, axes)
    return figure


def _feature(family: FamilyContent, looks: Mapping[str, Style]) -> Figure:
    figure, axes = new_figure()
    for style in shown_styles(family.table, looks):
        draw_line(axes, series.feature_curve(family, style.method), style)
    num_rows = len(family.sources)
    for row, specs in enumerate(family.sources.values()):
        # Below the axis, in its own coordinates upwards: one row a split.
        axes.plot(
            [spec[0] for spec in specs],
            [-0.03 - 0.045 * row] * len(specs),
            transform=axes.get_xaxis_transform(),
            marker="|", markersize=4, linestyle="", color="#24292e", clip_on=False,
            label="source specs" if row == 0 else None,
        )  # fmt: skip
    axes.tick_params(axis="x", pad=4 + 5 * num_rows, length=0)
    name_ticks(axes.xaxis, family, 0)
    axes.set_xlabel(family.axis(0))
    axes.set_ylabel("return")
    axes.set_title(family.label, loc="left")
    draw_legend(figure, axes)
    return figure


def _sweep(sweep: Sweep, looks: Mapping[str, Style]) -> Figure:
    figure, axes = new_figure()
    for style in sweep.drawn(looks):
        if style.shown:
            draw_line(axes, sweep.curve(style.method), style)
    axes.set_xticks(list(sweep.families))
    axes.set_xlabel("source tasks")
    axes.set_ylabel(sweep.headline.axis)
    axes.set_title(sweep.family, loc="left")
    draw_legend(figure, axes)
    return figure


def _grids(family: FamilyContent, looks: Mapping[str, Style]) -> Figure:
    from matplotlib.figure import Figure

    shown = shown_styles(family.table, looks)
    num_rows = -(-len(shown) // 4)
    num_columns = -(-len(shown) // num_rows)
    figure = Figure(figsize=(PAGE, 0.4 + 1.55 * num_rows), layout="constrained")
    panels = figure.subplots(num_rows, num_columns, sharex=True, sharey=True, squeeze=False)
    low, high = charts.scale(family)
    sources = list(series.source_fractions(family))
    for axes, style in zip(panels.flat, shown, strict=False):
        columns, rows, grid = series.feature_grid(family, style.method)
        image = axes.pcolormesh(columns, rows, grid, vmin=low, vmax=high, cmap="viridis")
        axes.plot(*np.transpose(sources), "o", markerfacecolor="none", color="#24292e", mew=0.6)
        axes.set_title(style.method, style="italic" if style.is_control else "normal")
        axes.grid(visible=False)
        name_ticks(axes.xaxis, family, 0)
        name_ticks(axes.yaxis, family, 1)
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    figure.supxlabel(family.axis(0), fontsize=8)
    figure.supylabel(family.axis(1), fontsize=8)
    figure.suptitle(family.label, fontsize=8)
    figure.colorbar(image, ax=panels, label="return", aspect=30)
    return figure


def _strips(family: FamilyContent, looks: Mapping[str, Style]) -> Figure:
    shown = shown_styles(family.table, looks)
    figure, axes = new_figure(height=0.6 + 0.3 * len(shown))
    returns = family.table.groupby("method")["mean_return"]
    for i, style in enumerate(shown):
        colour = COLOURS[style.token]
        line = {"color": colour, "linewidth": 0.9}
        axes.boxplot(
            returns.get_group(style.method).to_numpy(float),
            positions=[i],
            orientation="horizontal",
            widths=0.6,
            boxprops=line,
            medianprops=line,
            whiskerprops=line,
            capprops=line,
            flierprops={"marker": ".", "markersize": 2, "markeredgecolor": colour},
        )
    axes.set_yticks(range(len(shown)), [style.method for style in shown])
    axes.invert_yaxis()
    axes.set_xlabel("return")
    axes.set_title(family.label, loc="left")
    axes.grid(visible=False, axis="y")
    return figure
