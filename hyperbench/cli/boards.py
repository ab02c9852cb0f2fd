"""Commands that make something of records: they measure nothing and change no run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.options import Threads


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
    from hyperbench.compare import compare_command

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
            "--method", "-m", envvar="HYPERBENCH_METHOD", help="A row, as the board names it."
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
    from hyperbench.power import plan_command

    plan_command(mde, method, against, folders or [Path("runs")])


@app.command()
def verify(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, or of boards.")],
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
            envvar="HYPERBENCH_SEED",
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
    as_json: Annotated[
        bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print each run's, as JSON.")
    ] = False,
) -> None:
    """Check runs: checksums, identity, split and seeds, and play their episodes again."""
    from hyperbench.verify import verify_command

    sound = verify_command(
        folders,
        num_tasks=None if all_ else sample,
        seed=seed,
        tolerance=tolerance,
        num_threads=threads,
        as_json=as_json,
    )
    if not sound:
        raise typer.Exit(1)
