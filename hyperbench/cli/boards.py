"""Commands that make something of records: they measure nothing and change no run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.completing import of_runs, of_words
from hyperbench.cli.options import (
    AsJson,
    ChosenMethods,
    ChosenProtocols,
    ChosenSuites,
    Folders,
    choice_of,
    expand,
)
from hyperbench.cli.plug_in import Plugins


@app.command()
def leaderboard(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders that `run` wrote, committed boards, or published figures."),
    ],
    protocol: ChosenProtocols = None,
    suite: ChosenSuites = None,
    method: ChosenMethods = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            autocompletion=of_words("table", "markdown", "csv", "latex", "json"),
            help="table, markdown, csv, latex or json.",
        ),
    ] = "table",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", callback=expand, help="Write to a file instead."),
    ] = None,
) -> None:
    """Make the board from records: measure nothing, change nothing."""
    from hyperbench.commands.leaderboard import leaderboard_command

    leaderboard_command(folders, format_, output, choice_of(protocol, suite, method))


RunFolders = Annotated[
    list[Path] | None,
    typer.Argument(help="Folders with runs, or committed boards; runs if not given."),
]


@app.command()
def compare(
    one: Annotated[
        str, typer.Argument(autocompletion=of_runs("row"), help="A row, as the board names it.")
    ],
    other: Annotated[str, typer.Argument(autocompletion=of_runs("row"), help="Another one.")],
    folders: RunFolders = None,
    as_json: AsJson = False,
) -> None:
    """Compare two rows, run by run and task by task, and say the result in words."""
    from hyperbench.commands.compare import compare_command

    compare_command(one, other, folders or [Path("runs")], as_json)


@app.command()
def plan(
    mde: Annotated[
        float,
        typer.Option(envvar="HYPERBENCH_MDE", help="The least difference of scores to be seen."),
    ],
    method: Annotated[
        str,
        typer.Option(
            "--method",
            "-m",
            envvar="HYPERBENCH_PLAN_METHOD",
            autocompletion=of_runs("row"),
            help="A row, as the board names it.",
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_AGAINST",
            autocompletion=of_runs("row"),
            help="Another row, to learn from paired differences.",
        ),
    ] = None,
    folders: RunFolders = None,
) -> None:
    """Say how many runs and episodes are needed to see a difference that small."""
    from hyperbench.commands.plan import plan_command

    plan_command(mde, method, against, folders or [Path("runs")])


@app.command()
def export(
    folders: Folders,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            envvar="HYPERBENCH_FORMAT",
            autocompletion=of_words(
                "markdown", "csv", "latex", "json", "parquet", "rliable", "bibtex"
            ),
            help="markdown, csv, latex or json of boards; parquet or rliable of scores; bibtex.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            envvar="HYPERBENCH_EXPORT_OUTPUT",
            callback=expand,
            help="The file to write.",
        ),
    ],
    protocol: ChosenProtocols = None,
    suite: ChosenSuites = None,
    method: ChosenMethods = None,
) -> None:
    """Write boards, or the scores they are made of, to a file for other programs."""
    from hyperbench.commands.export import export_command

    export_command(folders, format_, output, choice_of(protocol, suite, method))


@app.command()
def report(
    folders: Folders,
    protocol: ChosenProtocols = None,
    suite: ChosenSuites = None,
    method: ChosenMethods = None,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    rows: Annotated[
        list[str] | None,
        typer.Option(
            "--rows", help="Show only this row, as a board names it, controls too; repeatable."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            envvar="HYPERBENCH_REPORT_OUTPUT",
            callback=expand,
            help="The page [default: report.html, unless only figures are asked for].",
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            envvar="HYPERBENCH_FIGURES",
            callback=expand,
            help="Folder for the charts as PDF, for papers.",
        ),
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

    for path in write_report(
        folders, page, figures, videos, tell, choice_of(protocol, suite, method), rows or ()
    ):
        typer.echo(f"{path.resolve()}: {path.stat().st_size / 1e6:.2f} MB")


@app.command()
def site(
    boards: Annotated[
        Path, typer.Argument(help="Folder of committed boards, as `publish` writes it.")
    ] = Path("leaderboards"),
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            envvar="HYPERBENCH_SITE_OUTPUT",
            callback=expand,
            help="Folder of the site; one that is there is replaced.",
        ),
    ] = Path("site"),
) -> None:
    """Make the site: every committed board, each method's rows, and the documentation."""
    from hyperbench.site.build import write_site

    write_site(boards, output, lambda line: typer.echo(line, err=True))
    files = [path for path in output.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    typer.echo(f"{output.resolve()}: {len(files)} files, {size:.2f} MB; begin with index.html")
