"""A board as text: for terminals, Markdown, CSV, LaTeX and programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from hyperbench.board import Board, Row

MISSING = "–"


@dataclass(frozen=True)
class Table:
    """Cells ready to print; the first column is text, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    dimmed: tuple[bool, ...]
    """Per row whether it is a control arm."""


def score_table(board: Board) -> Table:
    """What was achieved: the same to the last digit whenever the same runs are measured again."""
    columns: list[tuple[str, Callable[[Row], str]]] = [
        ("method", lambda row: row.method),
        ("score", lambda row: _fixed(row.score, 3)),
        ("95 % interval", lambda row: _interval(row.interval)),
        ("return", lambda row: _fixed(row.mean_return, 1)),
    ]
    if any(row.success_rate is not None for row in board.rows):
        columns.append(("success", lambda row: _fixed(row.success_rate, 3)))
    columns += [
        ("interp.", lambda row: _fixed(row.interpolation, 3)),
        ("extrap.", lambda row: _fixed(row.extrapolation, 3)),
    ]
    if len(board.families) > 1:
        columns += [
            (family, lambda row, family=family: _fixed(row.family_scores[family], 3))  # type: ignore[misc]
            for family in board.families
        ]
    columns.append(("runs", lambda row: str(row.num_runs)))
    if any(row.num_failed for row in board.rows):
        columns.append(("failed", lambda row: str(row.num_failed)))
    where = board.families[0] if len(board.families) == 1 else f"{len(board.families)} families"
    return _table(f"{where}, {board.protocol}", board, columns)


def cost_table(board: Board) -> Table:
    """What it took: sizes, and times that depend on the machine."""
    return _table(
        "Cost",
        board,
        [
            ("method", lambda row: row.method),
            ("parameters", lambda row: _whole(row.num_parameters)),
            ("policy parameters", lambda row: _whole(row.policy_parameters)),
            ("fit [s]", lambda row: _fixed(row.fit_seconds, 1)),
            (
                "generate [ms]",
                lambda row: _fixed(row.generate_seconds and row.generate_seconds * 1000, 1),
            ),
        ],
        learned_only=True,
    )


def markdown(board: Board) -> str:
    """Both tables, failures and notes."""
    tables = (score_table(board), cost_table(board))
    parts = [markdown_table(table) for table in tables if table.rows]
    parts += [f"Failed: {failure}" for failure in board.failures]
    parts += [f"Note: {note}" for note in board.notes]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """One table under its title."""
    lines = [f"### {table.title}", "", _pipes(table.header)]
    lines.append(_pipes(("---", *["---:"] * (len(table.header) - 1))))
    for row, dim in zip(table.rows, table.dimmed, strict=True):
        name = f"*{row[0]}*" if dim else row[0]
        lines.append(_pipes((name.replace("|", "\\|"), *row[1:])))
    return "\n".join(lines)


def latex(board: Board) -> str:
    """The score table for a paper, with booktabs."""
    table = score_table(board)
    lines = [f"% {table.title}; needs \\usepackage{{booktabs}}"]
    lines.append(f"\\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}")
    lines += ["\\toprule", _ampersands(table.header), "\\midrule"]
    lines += [_ampersands(row) for row in table.rows]
    lines += ["\\bottomrule", "\\end{tabular}"]
    return "\n".join(lines) + "\n"


def csv_text(boards: list[Board]) -> str:
    """Every number of every row, unrounded; one column per field, one more per family."""
    families = sorted({family for board in boards for family in board.families})
    scalar = [
        name
        for name in Row.__dataclass_fields__
        if name not in ("interval", "family_scores", "fit_seconds", "generate_seconds")
    ]
    times = ["fit_seconds", "generate_seconds"]  # last, since they alone differ between machines
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["protocol", *scalar, "interval_low", "interval_high", *families, *times])
    for board in boards:
        for row in board.rows:
            low, high = row.interval or (None, None)
            scores = [row.family_scores.get(family) for family in families]
            values = [getattr(row, name) for name in scalar]
            spent = [getattr(row, name) for name in times]
            writer.writerow([board.protocol, *values, low, high, *scores, *spent])
    return out.getvalue()


def json_text(boards: list[Board]) -> str:
    """Everything, for programs."""
    return json.dumps([asdict(board) for board in boards], indent=2) + "\n"


def _table(
    title: str,
    board: Board,
    columns: list[tuple[str, Callable[[Row], str]]],
    learned_only: bool = False,
) -> Table:
    rows = [row for row in board.rows if not (learned_only and row.is_arm)]
    return Table(
        title,
        tuple(name for name, _ in columns),
        tuple(tuple(show(row) for _, show in columns) for row in rows),
        tuple(row.is_arm for row in rows),
    )


def _fixed(value: float | None, num_decimals: int) -> str:
    return MISSING if value is None else f"{value:.{num_decimals}f}"


def _whole(value: int | None) -> str:
    return MISSING if value is None else f"{value:,}"


def _interval(interval: tuple[float, float] | None) -> str:
    return MISSING if interval is None else f"[{interval[0]:.3f}, {interval[1]:.3f}]"


def _pipes(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "%_&#${}"}
    | {"^": r"\^{}", "~": r"\~{}", "\\": r"\textbackslash{}", MISSING: "--"}
)


def _ampersands(cells: tuple[str, ...]) -> str:
    return " & ".join(cell.translate(_LATEX) for cell in cells) + r" \\"
