"""A board as text: for terminals, Markdown, CSV, LaTeX and programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hyperbench.boards.headline import HEADLINES, SUCCESS
from hyperbench.boards.latex import latex
from hyperbench.boards.row import Board, Row
from hyperbench.boards.statistic import BY_NAME, COSTS, STATISTICS, SUMMARIES
from hyperbench.table import Table, bracket, fixed, markdown_table

_Column = tuple[str, Callable[[Row], str]]


def score_table(board: Board) -> Table:
    """What was achieved: the same to the last digit whenever the same runs are measured again."""
    where = board.families[0] if len(board.families) == 1 else f"{len(board.families)} families"
    names = [name for name in board.headline.columns if _is_shown(board, name)]
    return _table(f"{where}, {board.title}", board.rows, _statistics(board, names))


def family_table(board: Board) -> Table | None:
    """The headline in each family in a column of its own, with the mean rank over them.

    None for a board of one family.
    """
    if len(board.families) == 1:
        return None
    ranks = [name for name in ("mean_rank",) if _is_shown(board, name)]
    suites = {family.partition("/")[0] for family in board.families}
    prefix = f"{suites.pop()}/" if len(suites) == 1 else ""
    columns = _statistics(board, ranks)
    columns += [
        (
            family.removeprefix(prefix),
            lambda row, family=family: fixed(board.of_family(row, family), 3),  # type: ignore[misc]
        )
        for family in board.families
    ]
    where = f" of {prefix.removesuffix('/')}" if prefix else ""
    return _table(f"{board.headline.title} in each family{where}", board.rows, columns)


def cost_table(board: Board) -> Table:
    """What learned methods took: sizes, and times that depend on the machine."""
    learned = [row for row in board.rows if not row.is_control]
    return _table("Cost", learned, _statistics(board, COSTS))


def summary_table(board: Board) -> Table:
    """What the same scores come to in other ways than the mean of clipped ones."""
    return _table("Scores summarised", board.rows, _statistics(board, SUMMARIES))


def tables(board: Board) -> list[Table]:
    """All tables of a board that have rows: scores, scores in each family, cost."""
    shown = (score_table(board), family_table(board), cost_table(board))
    return [table for table in shown if table is not None and table.rows]


def markdown(board: Board) -> str:
    """All tables, failures and notes."""
    parts = [markdown_table(table) for table in tables(board)]
    parts += [f"Failed: {failure}" for failure in board.failures]
    parts += [f"Note: {note}" for note in (board.headline.legend, *board.notes)]
    return "\n\n".join(parts) + "\n"


def markdown_text(boards: Sequence[Board]) -> str:
    """All that ``markdown`` says of each board."""
    return "\n".join(markdown(board) for board in boards)


def latex_text(boards: Sequence[Board]) -> str:
    """The tables of scores for a paper, with booktabs, for one column and for both."""
    return "\n".join(latex(board, score_table(board), family_table(board)) for board in boards)


def csv_text(boards: Sequence[Board]) -> str:
    """Every number of every row, unrounded; one column per statistic, one or two more per family.

    What differs between machines is last.
    """
    families = sorted({family for board in boards for family in board.families})
    shown = [h for h in HEADLINES if h.notion is None or any(b.headline == h for b in boards)]

    def cells(board: Board, row: Row) -> Iterable[tuple[str, Any]]:
        yield "protocol", board.title
        yield "method", row.method
        yield "is_arm", row.is_control
        yield from ((s.name, row[s.name].value) for s in STATISTICS if not s.is_timed)
        for statistic in STATISTICS:
            if statistic.interval_name:
                name = statistic.interval_name.removesuffix("_interval")
                yield f"{name}_low", row[statistic.name].low
                yield f"{name}_high", row[statistic.name].high
        for headline in shown:
            known = row.by_family.get(headline.name, {})
            yield from ((family + headline.suffix, known.get(family)) for family in families)
        yield from ((s.name, row[s.name].value) for s in STATISTICS if s.is_timed)

    lines = [dict(cells(board, row)) for board in boards for row in board.rows]
    empty = Board("", (), (), (), (), HEADLINES[0])
    out = io.StringIO()
    writer = csv.DictWriter(out, dict(cells(empty, Row("", False, {}))), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def json_text(boards: Sequence[Board]) -> str:
    """Everything, for programs."""
    return json.dumps([_jsonable(board) for board in boards], indent=2) + "\n"


TEXT_FORMATS: dict[str, Callable[[Sequence[Board]], str]] = {
    "markdown": markdown_text,
    "csv": csv_text,
    "latex": latex_text,
    "json": json_text,
}
"""What whole boards can be written as."""
WITHOUT_NOTES = ("csv",)
"""Formats that have no place for what a reader must know."""


def _jsonable(board: Board) -> dict[str, Any]:
    rows = [
        {"method": row.method, "is_arm": row.is_control}
        | {statistic.name: row[statistic.name].value for statistic in STATISTICS}
        | {s.interval_name: row[s.name].interval for s in STATISTICS if s.interval_name}
        | {headline.by_family: row.by_family.get(headline.name, {}) for headline in HEADLINES}
        for row in board.rows
    ]
    return {
        "protocol": board.title,
        "families": board.families,
        "rows": rows,
        "failures": board.failures,
        "notes": board.notes,
        "by_success": board.headline == SUCCESS,
        "legend": board.headline.legend,
    }


def _is_shown(board: Board, name: str) -> bool:
    return BY_NAME[name].shown([row[name] for row in board.rows])


def _statistics(board: Board, names: Iterable[str]) -> list[_Column]:
    """The columns of some statistics, each with that of its interval."""
    columns: list[_Column] = []
    for name in names:
        statistic = BY_NAME[name]
        num_decimals = board.headline.num_decimals.get(name, statistic.num_decimals)

        def value(
            row: Row, name: str = name, factor: float = statistic.factor, digits: int = num_decimals
        ) -> str:
            found = row[name].value
            return fixed(found if found is None else factor * found, digits)

        def interval(row: Row, name: str = name, digits: int = num_decimals) -> str:
            return bracket(row[name].interval, digits)

        columns.append((statistic.heading, value))
        if statistic.interval_shown([row[name] for row in board.rows]):
            columns.append((statistic.interval_heading, interval))
    return columns


def _table(title: str, rows: Sequence[Row], columns: Sequence[_Column]) -> Table:
    return Table(
        title,
        ("method", *(heading for heading, _ in columns)),
        tuple((row.method, *(show(row) for _, show in columns)) for row in rows),
        tuple(row.is_control for row in rows),
    )
