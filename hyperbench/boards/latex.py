"""A board for a paper: tables with booktabs, as wide as one column or both, notes below.

Widths are estimated from those of Computer Modern, which are above those of Times.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hyperbench.boards.row import Board
from hyperbench.boards.statistic import BY_NAME, STATISTICS
from hyperbench.table import MISSING, Table

COLUMN, BOTH = 234.0, 487.0
"""Points: the width of a column, and of both, of the narrowest common two-column style, ICML's."""
_SIZE, _SMALL = 8.0, 7.0
"""Points: of numbers, and of the intervals behind them; LaTeX's footnotesize and scriptsize."""
_APART = 6.0
"""Points between two columns, twice ``tabcolsep``."""
_MINUS = re.compile(r"(?<![\w.])-(?=[\d.])")
_INTERVALS = {statistic.interval_heading for statistic in STATISTICS if statistic.interval_heading}
_ESCAPED = str.maketrans(
    {character: f"\\{character}" for character in "%_&#${}"}
    | {"^": r"\^{}", "~": r"\~{}", "\\": r"\textbackslash{}", MISSING: "--", "×": r"$\times$"}
    | {"τ": r"$\tau$", "<": "$<$", ">": "$>$", "|": "$|$"}
)


@dataclass(frozen=True)
class _Column:
    """Cells as LaTeX, below the heading, and how wide they are.

    Args:
        heading: of the column.
        cells: one a row.
        width: in points.
    """

    heading: str
    cells: tuple[str, ...]
    width: float


def latex(board: Board, scores: Table, families: Table | None) -> str:
    """The tables of scores: for one column, for both, and of each family for both.

    Methods come first, then controls, in italics; those of rank 1 are in bold print.

    Args:
        board: whose tables they are.
        scores: its ``score_table``.
        families: its ``family_table``.
    """
    name, *columns = _columns(board, scores)
    headline = next(c for c in columns if c.heading == BY_NAME[board.headline.name].heading)
    others = [column for column in columns if column is not headline]
    label = re.sub(r"[^\w]+", "-", scores.title)
    notes = [board.headline.legend, *board.notes, *(f"Failed: {text}" for text in board.failures)]
    bold = (
        "Bold: rank 1, shared by those that are not told apart. Italic: controls. Brackets: 95 % "
        "intervals."
    )
    narrow = _fitting([name, headline, *others], COLUMN)
    parts = [_table(board, scores.title, f"{label}-column", [narrow[0]], (bold, *notes), "")]
    parts.append(
        _table(board, scores.title, label, _fitting([name, *columns], BOTH), (bold, *notes), "*")
    )
    if families is not None:
        blocks = _fitting(_columns(board, families), BOTH)
        parts.append(_table(board, families.title, f"{label}-families", blocks, (bold,), "*"))
    return "\n".join(parts)


def _columns(board: Board, table: Table) -> list[_Column]:
    """The table's columns, each interval behind its number; methods first, then controls."""
    first = {row.method for row in board.rows if row["rank"].value == 1}
    rows = [
        (cells, dimmed)
        for wanted in (False, True)
        for cells, dimmed in zip(table.rows, table.dimmed, strict=True)
        if dimmed == wanted
    ]
    found: list[_Column] = []
    for place, heading in enumerate(table.header):
        texts = [cells[place] for cells, _ in rows]
        if heading in _INTERVALS:
            last = found.pop()
            cells = tuple(
                one if text == MISSING else f"{one} {{\\scriptsize {escape(text)}}}"
                for one, text in zip(last.cells, texts, strict=True)
            )
            width = last.width + 3 + max(_width(text, _SMALL) for text in texts)
            found.append(_Column(last.heading, cells, width))
            continue
        cells = tuple(
            _styled(escape(text), dimmed, cells[0] in first and place == 0)
            for text, (cells, dimmed) in zip(texts, rows, strict=True)
        )
        width = max(_width(text, _SIZE) for text in (heading, *texts))
        found.append(_Column(escape(heading), cells, width))
    return found


def _styled(text: str, is_control: bool, is_first: bool) -> str:
    return f"\\textit{{{text}}}" if is_control else f"\\textbf{{{text}}}" if is_first else text


def _fitting(columns: Sequence[_Column], width: float) -> list[list[_Column]]:
    """Blocks of columns that fit, the first column in each."""
    name, *others = columns
    blocks, left = [[name]], width - name.width
    for column in others:
        if column.width + _APART > left and len(blocks[-1]) > 1:
            blocks.append([name])
            left = width - name.width
        blocks[-1].append(column)
        left -= column.width + _APART
    return blocks


def _table(
    board: Board,
    title: str,
    label: str,
    blocks: Sequence[Sequence[_Column]],
    notes: Sequence[str],
    star: str,
) -> str:
    num_methods = sum(not row.is_control for row in board.rows)
    lines = [f"% For {'both columns' if star else 'one column'}; needs \\usepackage{{booktabs}}"]
    lines += [f"\\begin{{table{star}}}", f"\\caption{{{escape(title)}}}"]
    lines += [f"\\label{{tab:{label}}}", "\\centering\\footnotesize"]
    lines += [f"\\setlength{{\\tabcolsep}}{{{_APART / 2:g}pt}}"]
    for block in blocks:
        lines.append(f"\\begin{{tabular}}{{@{{}}l{'r' * (len(block) - 1)}@{{}}}}")
        lines += ["\\toprule", _line([column.heading for column in block]), "\\midrule"]
        for place in range(len(board.rows)):
            if place == num_methods > 0:
                lines.append("\\midrule")
            lines.append(_line([column.cells[place] for column in block]))
        lines += ["\\bottomrule", "\\end{tabular}", "\\par\\smallskip"]
    width = "\\textwidth" if star else "\\columnwidth"
    lines.append(f"\\begin{{minipage}}{{{width}}}\\scriptsize")
    lines += [escape(note) for note in notes]
    return "\n".join([*lines, "\\end{minipage}", f"\\end{{table{star}}}"]) + "\n"


def _line(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def escape(text: str) -> str:
    """A text as LaTeX prints it, with minus signs before numbers."""
    return _MINUS.sub("$-$", text.translate(_ESCAPED))


def _width(text: str, size: float) -> float:
    """About how wide a text is in points, above rather than below."""
    ems = sum(
        0.31 if character in "fijlt.,:;'|!()[] " else 0.86 if character in "mwMW%@–" else
        0.78 if character.isupper() else 0.56
        for character in text
    )  # fmt: skip
    return size * ems
