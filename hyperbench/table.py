"""Tables: cells ready to print, for whoever prints them."""

from __future__ import annotations

import html
from dataclasses import dataclass

MISSING = "–"
"""What a cell says where there is nothing to tell."""


@dataclass(frozen=True)
class Table:
    """Cells ready to print; the first column is text, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    dimmed: tuple[bool, ...]
    """Per row whether it is of a control."""

    def column(self, name: str) -> list[str]:
        """The cells below one name of the header."""
        place = self.header.index(name)
        return [cells[place] for cells in self.rows]


def fixed(value: float | None, num_decimals: int) -> str:
    """A number with so many decimals, large whole ones in groups of three digits."""
    # NaN differs from itself.
    if value is None or value != value:
        return MISSING
    return f"{value:.{num_decimals}f}" if num_decimals else f"{value:,.0f}"


def bracket(interval: tuple[float, float] | None, num_decimals: int = 3) -> str:
    """An interval, such as ``[0.123, 0.456]``."""
    if interval is None:
        return MISSING
    return f"[{interval[0]:.{num_decimals}f}, {interval[1]:.{num_decimals}f}]"


def markdown_table(table: Table) -> str:
    """One table in Markdown, under its title."""
    lines = [f"### {table.title}", "", _pipes(table.header)]
    lines.append(_pipes(("---", *["---:"] * (len(table.header) - 1))))
    for row, dim in zip(table.rows, table.dimmed, strict=True):
        name = f"*{row[0]}*" if dim else row[0]
        lines.append(_pipes((name.replace("|", "\\|"), *row[1:])))
    return "\n".join(lines)


def html_table(table: Table) -> str:
    """One table for a notebook, under its title."""

    def row(cells: tuple[str, ...], name: str, style: str = "") -> str:
        first, *rest = (html.escape(cell) for cell in cells)
        left = f'<{name} style="text-align: left">{first}</{name}>'
        return f"<tr{style}>{left}{''.join(f'<{name}>{cell}</{name}>' for cell in rest)}</tr>"

    lines = [
        row(cells, "td", ' style="opacity: 0.6"' if dim else "")
        for cells, dim in zip(table.rows, table.dimmed, strict=True)
    ]
    return "\n".join(
        [
            f'<table style="text-align: right"><caption>{html.escape(table.title)}</caption>',
            f"<thead>{row(table.header, 'th')}</thead>",
            *("<tbody>", *lines, "</tbody></table>"),
        ]
    )


def _pipes(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
