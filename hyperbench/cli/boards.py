"""Commands that make something of records: they measure nothing and change no run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app


@app.command()
def leaderboard(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `run` wrote.")],
    format_: Annotated[
        str, typer.Option("--format", "-f", help="table, markdown, csv, latex or json.")
    ] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to a file instead.")
    ] = None,
) -> None:
    """Make the board from records: measure nothing, change nothing."""
    from hyperbench.commands import leaderboard_command

    leaderboard_command(folders, format_, output)
