"""Commands that make something of records: they measure nothing and change no run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.options import DataDir, Threads, expand
from hyperbench.cli.plug_in import Plugins
from hyperbench.disk import data_dir_or_cache

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
        Path | None,
        typer.Option("--output", "-o", callback=expand, help="Write to a file instead."),
    ] = None,
) -> None:
    """Make the board from records: measure nothing, change nothing."""
    from hyperbench.commands.leaderboard import leaderboard_command

    leaderboard_command(folders, format_, output)


RunFolders = Annotated[
    list[Path] | None,
    typer.Argument(help="Folders with runs, or committed boards.", show_default="runs"),
]


@app.command()
def compare(
    one: Annotated[str, typer.Argument(help="A row, as the board names it.")],
    other: Annotated[str, typer.Argument(help="Another one.")],
    folders: RunFolders = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print it as JSON.")
    ] = False,
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
            "--method", "-m", envvar="HYPERBENCH_PLAN_METHOD", help="A row, as the board names it."
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_AGAINST", help="Another row, to learn from paired differences."
        ),
    ] = None,
    folders: RunFolders = None,
) -> None:
    """Say how many runs and episodes are needed to see a difference that small."""
    from hyperbench.commands.plan import plan_command

    plan_command(mde, method, against, folders or [Path("runs")])


@app.command()
def verify(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, or of boards.")],
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    all_: Annotated[
        bool,
        typer.Option("--all", envvar="HYPERBENCH_ALL", help="Play all target tasks of each run."),
    ] = False,
    sample: Annotated[
        int,
        typer.Option(
            envvar="HYPERBENCH_SAMPLE",
            min=1,
            help="Target tasks of each run to play again, with all their episodes.",
        ),
    ] = 3,
    seed: Annotated[
        int | None,
        typer.Option(
            envvar="HYPERBENCH_VERIFY_SEED",
            min=0,
            help="Draws those tasks; if not given, others each time.",
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            envvar="HYPERBENCH_TOLERANCE",
            min=0.0,
            help="Relative difference of returns to accept; if not given, 0 where machine and "
            "versions are the record's, else 0.0001.",
        ),
    ] = None,
    threads: Threads = 0,
    refit: Annotated[
        int,
        typer.Option(
            envvar="HYPERBENCH_REFIT",
            min=0,
            help="Runs of each method's row to fit anew, whose policies are compared bit for bit.",
        ),
    ] = 0,
    data_dir: DataDir = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print each run's, as JSON.")
    ] = False,
) -> None:
    """Check runs: checksums, identity, split and seeds, and play their episodes again."""
    from hyperbench.commands.verify import verify_command

    sound = verify_command(
        folders,
        num_tasks=None if all_ else sample,
        seed=seed,
        tolerance=tolerance,
        num_threads=threads,
        data_dir=data_dir_or_cache(data_dir),
        as_json=as_json,
        num_refits=refit,
    )
    if not sound:
        raise typer.Exit(1)


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
        typer.Option(
            "--output",
            "-o",
            envvar="HYPERBENCH_EXPORT_OUTPUT",
            callback=expand,
            help="The file to write.",
        ),
    ],
) -> None:
    """Write boards, or the scores they are made of, to a file for other programs."""
    from hyperbench.commands.export import export_command

    export_command(folders, format_, output)


@app.command()
def merge(
    folders: Folders,
    output_dir: Annotated[
        Path,
        typer.Option(
            "--output-dir",
            "-o",
            envvar="HYPERBENCH_MERGE_OUTPUT_DIR",
            callback=expand,
            help="For all runs together.",
        ),
    ],
) -> None:
    """Collect the runs of several machines in one folder; refuse what contradicts."""
    from hyperbench.commands.merge import merge_command

    merge_command(folders, output_dir)


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
            "--board-dir",
            "-b",
            envvar="HYPERBENCH_BOARD_DIR",
            callback=expand,
            help="Of all committed boards.",
        ),
    ] = Path("leaderboards"),
    all_policies: Annotated[
        bool,
        typer.Option(
            "--all-policies",
            envvar="HYPERBENCH_ALL_POLICIES",
            help="Keep every policy, not one of each row and family: a larger board, which can be "
            "played again whole.",
        ),
    ] = False,
) -> None:
    """Copy whole rows of sound runs to the committed boards and make their tables again."""
    from hyperbench.commands.publish import publish_command

    publish_command(folders, board_dir, method or [], all_policies=all_policies)


@app.command()
def report(
    folders: Folders,
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

    for path in write_report(folders, page, figures, videos, tell):
        typer.echo(f"{path.resolve()}: {path.stat().st_size / 1e6:.2f} MB")
