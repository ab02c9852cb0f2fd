"""How methods look: one colour, dash and marker each, the same in every chart of a report."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from hyperbench.boards.row import Board
from hyperbench.registry.own import DEMONSTRATOR, EXPERT, RANDOM

# After the hues of Okabe & Ito (2008), per theme at a lightness that keeps a contrast of 3 with its
# background. Colour-blind readers tell the first few apart; the next have another dash, and all
# have a marker of their own.
LIGHT = ("#0072b2", "#d55e00", "#00855f", "#b5559a", "#8a6d00", "#2b9fd9", "#6a4fb3")
DARK = ("#58a9ea", "#f28a43", "#34c79a", "#e79ccb", "#e0bf45", "#9ad6f7", "#b3a1f2")
GREYS_LIGHT = ("#24292e", "#6b737b", "#868e96", "#868e96", "#868e96")
GREYS_DARK = ("#e4e8ec", "#a0a8b0", "#868e96", "#868e96", "#868e96")
_MARKERS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star")
_NUM_DISTINCT = 4
_DASHES = ("solid", "dash", "dot", "dashdot")
_ARM_DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Style:
    """How one method is drawn.

    Args:
        method: its label.
        token: ``m0``, ``m1``, … of a learned method, ``g0``, … of a control: which colour.
        dash: of lines, as Plotly names them.
        marker: of points, as Plotly names them.
        is_control: whether it is one, drawn in grey and without markers.
        shown: whether it is drawn before anybody asks; of the controls only score 0 and score 1.
    """

    method: str
    token: str
    dash: str
    marker: str
    is_control: bool
    shown: bool


def styles(boards: Iterable[Board], rows: Collection[str] = ()) -> dict[str, Style]:
    """A style for every method of a report: learned ones first, by name, then the controls.

    Args:
        boards: of the report.
        rows: that are shown though they are controls.
    """
    controls = {row.method: row.is_control for board in boards for row in board.rows}
    learned = sorted(method for method, is_control in controls.items() if not is_control)
    first = [arm for arm in (EXPERT, DEMONSTRATOR, RANDOM) if controls.get(arm)]
    others = sorted(m for m in controls if m not in (*learned, *first))
    found = {}
    for i, method in enumerate(learned):
        found[method] = Style(
            method,
            f"m{i % len(LIGHT)}",
            _DASHES[i // _NUM_DISTINCT % len(_DASHES)],
            # Moved on with each round of colours: costs are drawn without lines.
            _MARKERS[(i + i // len(LIGHT)) % len(_MARKERS)],
            is_control=False,
            shown=True,
        )
    for i, method in enumerate([*first, *others]):
        found[method] = Style(
            method,
            f"g{min(i, len(GREYS_LIGHT) - 1)}",
            _ARM_DASHES[i % len(_ARM_DASHES)],
            "line-ew",
            is_control=True,
            shown=method in first or method in rows,
        )
    return found


def colours(dark: bool) -> dict[str, str]:
    """Per token its colour on a light or on a dark page."""
    hues, greys = (DARK, GREYS_DARK) if dark else (LIGHT, GREYS_LIGHT)
    return {
        **{f"m{i}": colour for i, colour in enumerate(hues)},
        **{f"g{i}": colour for i, colour in enumerate(greys)},
    }
