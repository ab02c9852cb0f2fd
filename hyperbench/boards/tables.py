"""A board as text: for terminals, Markdown, CSV, LaTeX and programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from hyperbench.board import Board, Row

MISSING = "–"
Column = tuple[str, Callable[[Row], str]]


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
    rows = board.rows
    columns: list[Column] = [("method", lambda row: row.method)]
    if any(row.rank is not None for row in rows):
        columns.append(("rank", lambda row: _whole(row.rank)))
    score: list[Column] = [
        ("score", lambda row: _fixed(row.score, 3)),
        ("95 % interval", lambda row: _interval(row.interval)),
    ]
    returns: Column = ("return", lambda row: _fixed(row.mean_return, 2 if board.by_success else 1))
    success: list[Column] = []
    if any(row.success_rate is not None for row in rows):
        success.append(("success", lambda row: _fixed(row.success_rate, 3)))
    if any(row.success_interval is not None for row in rows):
        success.append(("of success", lambda row: _interval(row.success_interval)))
    if any(row.lasting_rate is not None for row in rows):
        success.append(("lasting", lambda row: _fixed(row.lasting_rate, 3)))
    if any(row.mean_length is not None for row in rows):
        success.append(("steps", lambda row: _fixed(row.mean_length, 1)))
    columns += [*success, returns, *score] if board.by_success else [*score, returns, *success]
    columns += [
        ("interp.", lambda row: _fixed(row.interpolation, 3)),
        ("extrap.", lambda row: _fixed(row.extrapolation, 3)),
        ("runs", lambda row: str(row.num_runs)),
    ]
    if any(row.num_failed for row in board.rows):
        columns.append(("failed", lambda row: str(row.num_failed)))
    if any(row.num_missing for row in board.rows):
        columns.append(("missing", lambda row: str(row.num_missing)))
    where = board.families[0] if len(board.families) == 1 else f"{len(board.families)} families"
    return _table(f"{where}, {board.protocol}", board, columns)


def family_table(board: Board) -> Table | None:
    """The headline in each family in a column of its own; None for a board of one family."""
    if len(board.families) == 1:
        return None
    suites = {family.partition("/")[0] for family in board.families}
    prefix = f"{suites.pop()}/" if len(suites) == 1 else ""
    columns: list[Column] = [("method", lambda row: row.method)]
    columns += [
        (
            family.removeprefix(prefix),
            lambda row, family=family: _fixed(board.family_headlines(row)[family], 3),  # type: ignore[misc]
        )
        for family in board.families
    ]
    where = f" of {prefix.removesuffix('/')}" if prefix else ""
    headline = "Success" if board.by_success else "Score"
    return _table(f"{headline} in each family{where}", board, columns)


def tables(board: Board) -> list[Table]:
    """All tables of a board that have rows: scores, scores in each family, cost."""
    shown = (score_table(board), family_table(board), cost_table(board))
    return [table for table in shown if table is not None and table.rows]


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
    """All tables, failures and notes."""
    parts = [markdown_table(table) for table in tables(board)]
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
    """The tables of scores for a paper, with booktabs."""
    shown = (score_table(board), family_table(board))
    return "\n".join(_booktabs(table) for table in shown if table is not None)


def _booktabs(table: Table) -> str:
    lines = [f"% {table.title}; needs \\usepackage{{booktabs}}"]
    lines.append(f"\\begin{{tabular}}{{l{'r' * (len(table.header) - 1)}}}")
    lines += ["\\toprule", _ampersands(table.header), "\\midrule"]
    lines += [_ampersands(row) for row in table.rows]
    lines += ["\\bottomrule", "\\end{tabular}"]
    return "\n".join(lines) + "\n"


def csv_text(boards: list[Board]) -> str:
    """Every number of every row, unrounded; one column per field, one or two more per family."""
    families = sorted({family for board in boards for family in board.families})
    times = ["fit_seconds", "generate_seconds"]  # last, since they alone differ between machines
    several = ["interval", "success_interval", "family_scores", "family_successes"]
    ending = families if any(board.by_success for board in boards) else []
    successes = [f"{family} success" for family in ending]
    scalar = [name for name in Row.__dataclass_fields__ if name not in (*several, *times)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    bounds = ["interval_low", "interval_high", "success_low", "success_high"]
    writer.writerow(["protocol", *scalar, *bounds, *families, *successes, *times])
    for board in boards:
        for row in board.rows:
            intervals = [*(row.interval or (None, None)), *(row.success_interval or (None, None))]
            scores = [row.family_scores.get(family) for family in families]
            scores += [row.family_successes.get(family) for family in ending]
            values = [getattr(row, name) for name in scalar]
            spent = [getattr(row, name) for name in times]
            writer.writerow([board.protocol, *values, *intervals, *scores, *spent])
    return out.getvalue()


def json_text(boards: list[Board]) -> str:
    """Everything, for programs."""
    return json.dumps([asdict(board) for board in boards], indent=2) + "\n"


def _table(
    title: str,
    board: Board,
    columns: list[Column],
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
