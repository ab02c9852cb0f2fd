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


@app.command()
def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `run` wrote.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            envvar="HYPERBENCH_OUTPUT",
            help="The page [default: report.html, unless only figures are asked for].",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(envvar="HYPERBENCH_FIGURES", help="Folder for the charts as PDF, for papers."),
    ] = None,
    videos: Annotated[
        bool,
        typer.Option("--videos", envvar="HYPERBENCH_VIDEOS", help="Film policies beside them."),
    ] = False,
) -> None:
    """Make one offline page of boards, charts and runs, or the charts as PDF."""
    from hyperbench.report.write import write_report

    only_figures = figures is not None and not videos
    page = output or (None if only_figures else Path("report.html"))

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    for path in write_report(folders, page, figures, videos, tell):
        typer.echo(f"{path.resolve()}: {path.stat().st_size / 1e6:.2f} MB")
