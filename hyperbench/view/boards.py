"""What a person sees of boards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.markup import escape

from hyperbench.boards.literature import LiteratureTable
from hyperbench.boards.row import Board
from hyperbench.boards.tables import score_table, tables
from hyperbench.view.console import print_table, roomy


def print_boards(boards: Sequence[Board], console: Console) -> None:
    """Show each board: scores, cost, failures, notes."""
    for board in boards:
        for table in tables(board):
            print_table(table, console)
        for failure in board.failures:
            console.print(f"[red]failed[/]  {escape(failure)}", highlight=False)
        print_notes([board], console)
    for legend in dict.fromkeys(board.headline.legend for board in boards):
        console.print(f"{legend} Control arms are dimmed.", style="dim", highlight=False)


def print_scores(board: Board, console: Console) -> None:
    """Show a board's first table alone: what follows it is said once, when all is done."""
    print_table(score_table(board), roomy(console))


def print_notes(boards: Sequence[Board], console: Console) -> None:
    """Show what a reader must know, each note once."""
    for note in dict.fromkeys(note for board in boards for note in board.notes):
        console.print(f"[yellow]note[/]  {escape(note)}", highlight=False)


def print_literature(tables: Sequence[LiteratureTable], console: Console) -> None:
    """Show what papers report, with where it comes from."""
    for table in tables:
        # A title inside a narrow table would be broken into many lines.
        console.print(table.cells.title, style="italic", highlight=False, markup=False)
        print_table(replace(table.cells, title=""), console)
        for note in table.notes:
            console.print(f"[yellow]note[/]  {escape(note)}", highlight=False)
