"""Commands that make something of records: they measure nothing and change no run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app

Folders = Annotated[
    list[Path], typer.Argument(help="Folders that `run` wrote, or committed boards.")
]


@app.command()
def leaderboard(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders that `run` wrote, committed boards, or published figures."),
    ],
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


@app.command()
def export(
    folders: Folders,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            envvar="HYPERBENCH_FORMAT",
            help="markdown, csv, latex or json of boards; parquet or rliable of scores.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", envvar="HYPERBENCH_OUTPUT", help="The file to write."),
    ],
) -> None:
    """Write boards, or the scores they are made of, to a file for other programs."""
    from hyperbench.export import export as write

    write(folders, format_, output)


@app.command()
def merge(
    folders: Folders,
    output_dir: Annotated[
        Path,
        typer.Option(
            "--output-dir", "-o", envvar="HYPERBENCH_OUTPUT_DIR", help="For all runs together."
        ),
    ],
) -> None:
    """Collect the runs of several machines in one folder; refuse what contradicts."""
    from hyperbench.runs import merge as collect

    copied = collect(folders, output_dir)
    typer.echo(f"Copied {len(copied)} runs to {output_dir}.")


@app.command()
def publish(
    folders: Folders,
    method: Annotated[
        list[str] | None,
        # No environment variable: what is set for runs must not leave rows out of a new board.
        typer.Option("--method", "-m", help="Only runs of this method; repeatable."),
    ] = None,
    board_dir: Annotated[
        Path,
        typer.Option(
            "--board-dir", "-b", envvar="HYPERBENCH_BOARD_DIR", help="Of all committed boards."
        ),
    ] = Path("leaderboards"),
) -> None:
    """Copy whole rows of sound runs to the committed boards and make their tables again."""
    from hyperbench.publish import publish_command

    publish_command(folders, board_dir, method or [])
