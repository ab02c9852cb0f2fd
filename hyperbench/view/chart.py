"""Small pictures of a family's tasks in plain characters, for a terminal or a log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperbench.feature import digits_apart
from hyperbench.task import Feature, TaskSpec

MAX_COLUMNS, MAX_ROWS = 64, 48
"""Values of a feature that a picture has room for."""
_MAX_SLOT = 7
_BAR_HEIGHT = 8
_NUM_DIGITS = 3
"""Significant digits of the numbers at an axis."""


@dataclass(frozen=True)
class Symbols:
    """What is drawn with.

    Args:
        bar: from an eighth, or all that there is, of a character's height to its full height.
        floor: fills the lower part of a bar.
        shades: from the lowest to the highest.
    """

    bar: str
    floor: str
    shades: str


BLOCKS = Symbols(bar="▁▂▃▄▅▆▇█", floor="░", shades="░▒▓█")
ASCII = Symbols(bar="#", floor=":", shades=".:=*#@")


def bars(
    tasks: Sequence[TaskSpec], highs: Sequence[float], lows: Sequence[float], symbols: Symbols
) -> list[str]:
    """Draw one bar a task of a family with one feature, shaded in its lower part.

    Args:
        tasks: in any order.
        highs: where each task's bar ends.
        lows: where its shaded part ends.
        symbols: to draw with.

    Returns:
        Lines; none where the tasks have no room.
    """
    if len(tasks[0].space) != 1 or len(tasks) > MAX_COLUMNS:
        return []
    order = np.argsort([task.values[0] for task in tasks])
    [feature] = tasks[0].space.features
    labels = _texts(feature, [tasks[i].values[0] for i in order])
    ends = np.array([highs, lows], dtype=np.float64)[:, order]
    top, base = float(ends.max()), min(0.0, float(ends.min()))
    heights = (ends - base) / ((top - base) or 1.0) * _BAR_HEIGHT  # (2, num_tasks)
    slot = _slot(labels, feature)
    ticks = {_BAR_HEIGHT - 1: top, _BAR_HEIGHT // 2 - 1: (top + base) / 2, 0: base}
    texts = {row: f"{tick:.4g}" for row, tick in ticks.items()}
    margin = max(map(len, texts.values()))
    lines = []
    for row in reversed(range(_BAR_HEIGHT)):
        fills = np.clip(heights - row, 0.0, 1.0)
        cells = [_bar_cell(high, low, symbols) for high, low in fills.T.tolist()]
        lines.append(f"{texts.get(row, ''):>{margin}} " + _joined(cells, slot, fill=True))
    return [line.rstrip() for line in [*lines, " " * (margin + 1) + _axis(labels, slot, feature)]]


def grid(tasks: Sequence[TaskSpec], marks: Sequence[str], *, fill: bool = False) -> list[str]:
    """Draw one character a task: the first feature to the right, the second upwards.

    Tasks that differ in further features stand beside each other in one cell, in the features'
    order.

    Args:
        tasks: in any order.
        marks: one character for each.
        fill: repeat it to fill the room that its task has.

    Returns:
        Lines; none where the tasks have no room.
    """
    cells: dict[tuple[float, float], str] = {}
    for i in sorted(range(len(tasks)), key=lambda i: tasks[i].values):
        column, row = (*tasks[i].values, 0.0)[:2]
        cells[column, row] = cells.get((column, row), "") + marks[i]
    columns, rows = (sorted(set(values)) for values in zip(*cells, strict=True))
    widest = max(map(len, cells.values()))
    if len(columns) * (widest + (widest > 1)) > MAX_COLUMNS or len(rows) > MAX_ROWS:
        return []
    across, *further = tasks[0].space.features
    labels = _texts(across, columns)
    slot = max(_slot(labels, across), widest + (widest > 1))
    texts = _texts(further[0], rows) if further else [""] * len(rows)
    margin = max(map(len, texts))
    lines = [
        f"{text:>{margin}} "
        + _joined([cells.get((column, row), "") for column in columns], slot, fill=fill)
        for text, row in reversed(list(zip(texts, rows, strict=True)))
    ]
    return [line.rstrip() for line in [*lines, " " * (margin + 1) + _axis(labels, slot, across)]]


def shades(values: Sequence[float], symbols: Symbols) -> tuple[list[str], str]:
    """One shade a value, and what the shades mean.

    Returns:
        The characters, and a legend.
    """
    edges = np.linspace(min(values), max(values), len(symbols.shades) + 1)
    levels = np.searchsorted(edges[1:-1], values, side="right")
    legend = "  ".join(f"{s} {edge:.4g}" for s, edge in zip(symbols.shades, edges, strict=False))
    return [symbols.shades[level] for level in levels], f"from {legend}  to {edges[-1]:.4g}"


def axes(features: Sequence[Feature]) -> str:
    """What the directions of a picture are: ``speed [m/s] to the right, length [m] upwards``."""
    names = [f"{f.name} [{f.unit}]" if f.unit else f.name for f in features]
    directions = [" to the right", " upwards", *[" within a cell"] * len(names)]
    return ", ".join(name + direction for name, direction in zip(names, directions, strict=False))


def _texts(feature: Feature, values: Sequence[float]) -> list[str]:
    num_digits = digits_apart(values, _NUM_DIGITS)
    return [feature.text(value, num_digits) for value in values]


def _slot(labels: Sequence[str], feature: Feature) -> int:
    """Characters a column may take, the gap to the next one included; names have it wider."""
    widest = max(_MAX_SLOT, max(map(len, feature.categories), default=0) + 1)
    return max(1, min(widest, MAX_COLUMNS // len(labels)))


def _joined(cells: Sequence[str], slot: int, *, fill: bool) -> str:
    """Widen each cell to its slot; one that is filled keeps a gap if there is room for one."""
    wide = []
    for cell in cells:
        repeats = max(1, (slot - (slot > 2)) // max(1, len(cell))) if fill else 1
        wide.append("".join(mark * repeats for mark in cell).ljust(slot))
    return "".join(wide)


def _axis(labels: Sequence[str], slot: int, feature: Feature) -> str:
    """As many of the columns' labels as do not touch each other, evenly spread; names are cut."""
    if feature.domain == "categories":
        return "".join(label[: max(1, slot - 1)].ljust(slot) for label in labels)
    every = -(-(max(map(len, labels)) + 1) // slot)
    return "".join(label.ljust(slot * every) for label in labels[::every])


def _bar_cell(high: float, low: float, symbols: Symbols) -> str:
    """One character of a bar that fills it up to ``high`` and is shaded up to ``low``, of 1."""
    if low >= 0.5:
        return symbols.floor
    level = round(high * len(symbols.bar))
    return symbols.bar[level - 1] if level else " "
