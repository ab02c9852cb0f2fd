"""``hyperbench leaderboard``: the boards of the runs in some folders, and published figures."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console

from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.literature import find_literature
from hyperbench.boards.tables import TEXT_FORMATS, WITHOUT_NOTES
from hyperbench.errors import HyperbenchError, UnknownNameError
from hyperbench.files import write_file
from hyperbench.view.boards import print_boards, print_literature, print_notes
from hyperbench.view.console import plain_console, standard_error, standard_output

out = standard_output()


def leaderboard_command(
    folders: Sequence[Path], format_: str, output: Path | None, choice: Choice = EVERYTHING
) -> None:
    """Show the boards of the runs in some folders, and published tables where they are asked for.

    Raises:
        HyperbenchError: there are no runs, one is damaged, or the format cannot hold them.
    """
    if format_ not in ("table", *TEXT_FORMATS):
        raise UnknownNameError("format", format_, ("table", *TEXT_FORMATS))
    tables = find_literature(folders)
    published = [table for found in tables.values() for table in found]
    if published and format_ not in ("table", "markdown"):
        raise HyperbenchError(
            f"Published figures are shown as table or markdown, not as {format_}: their own files "
            "are JSON, and none is mixed with measured rows."
        )
    measured = [folder for folder in folders if folder not in tables]
    boards = make_boards(find_chosen(measured, choice)) if measured else []

    def show(console: Console) -> None:
        if boards:
            print_boards(boards, console)
        print_literature(published, console)

    def text() -> str:
        parts = [TEXT_FORMATS[format_](boards)] if boards else []
        return "\n".join([*parts, *(table.markdown for table in published)])

    if format_ in WITHOUT_NOTES:
        print_notes(boards, standard_error())
    if output is not None:
        file = StringIO()
        if format_ == "table":
            show(plain_console(file, 120))
        write_file(output, file.getvalue() or text())
    elif format_ == "table":
        show(out)
    else:
        print(text(), end="")
