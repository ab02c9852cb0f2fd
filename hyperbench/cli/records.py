"""Commands that check records, and put them where others find them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.options import (
    ChosenMethods,
    ChosenProtocols,
    ChosenSuites,
    DataDir,
    Folders,
    Threads,
    choice_of,
    expand,
)
from hyperbench.cli.plug_in import Plugins
from hyperbench.disk import data_dir_or_cache

AllTasks = Annotated[
    bool,
    typer.Option("--all", envvar="HYPERBENCH_ALL", help="Play all target tasks of each run."),
]
Sample = Annotated[
    int,
    typer.Option(
        envvar="HYPERBENCH_SAMPLE",
        min=1,
        help="Target tasks of each run to play again, with all their episodes.",
    ),
]
BoardDir = Annotated[
    Path,
    typer.Option(
        "--board-dir",
        "-b",
        envvar="HYPERBENCH_BOARD_DIR",
        callback=expand,
        help="Of all committed boards.",
    ),
]


@app.command()
def verify(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, or of boards.")],
    protocol: ChosenProtocols = None,
    suite: ChosenSuites = None,
    method: ChosenMethods = None,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    all_: AllTasks = False,
    sample: Sample = 3,
    runs: Annotated[
        int | None,
        typer.Option(
            envvar="HYPERBENCH_VERIFY_RUNS",
            min=1,
            help="Runs of each row to play again, drawn of those that can be; of the others all "
            "else is checked. All if not given.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            envvar="HYPERBENCH_VERIFY_SEED",
            min=0,
            help="Draws those tasks and runs; if not given, others each time.",
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
    fresh: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_FRESH",
            help="In place of all that: judge rows on fresh tasks, which this secret draws.",
        ),
    ] = None,
    fresh_tasks: Annotated[
        int, typer.Option(envvar="HYPERBENCH_FRESH_TASKS", min=1, help="Of each family.")
    ] = 20,
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
        bool,
        typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print what was found, as JSON."),
    ] = False,
) -> None:
    """Check runs: checksums, identity, split and seeds, and play their episodes again."""
    from hyperbench.commands.verify import verify_command

    choice = choice_of(protocol, suite, method)
    if fresh is not None:
        from hyperbench.commands.fresh import fresh_command

        sound = fresh_command(
            folders,
            secret=fresh,
            num_tasks=fresh_tasks,
            num_threads=threads,
            data_dir=data_dir_or_cache(data_dir),
            as_json=as_json,
            choice=choice,
        )
        raise typer.Exit(0 if sound else 1)
    sound = verify_command(
        folders,
        num_tasks=None if all_ else sample,
        seed=seed,
        tolerance=tolerance,
        num_threads=threads,
        data_dir=data_dir_or_cache(data_dir),
        as_json=as_json,
        num_refits=refit,
        num_runs=runs,
        choice=choice,
    )
    if not sound:
        raise typer.Exit(1)


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
    protocol: ChosenProtocols = None,
    suite: ChosenSuites = None,
    method: ChosenMethods = None,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    board_dir: BoardDir = Path("leaderboards"),
    all_policies: Annotated[
        bool,
        typer.Option(
            "--all-policies",
            envvar="HYPERBENCH_ALL_POLICIES",
            help="Keep every policy, not one of each row and family: a larger board, which can be "
            "played again whole.",
        ),
    ] = False,
    unverifiable: Annotated[
        bool,
        typer.Option(
            "--unverifiable",
            envvar="HYPERBENCH_UNVERIFIABLE",
            help="Also take rows whose policies are not stored, which nobody can verify.",
        ),
    ] = False,
) -> None:
    """Copy whole rows of sound runs to the committed boards and make their tables again."""
    from hyperbench.commands.publish import publish_command

    publish_command(
        folders,
        board_dir,
        choice_of(protocol, suite, method),
        all_policies=all_policies,
        unverifiable=unverifiable,
    )


@app.command()
def submit(
    folders: Folders,
    protocol: ChosenProtocols = None,
    suite: ChosenSuites = None,
    method: ChosenMethods = None,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    board_dir: BoardDir = Path("leaderboards"),
    text: Annotated[
        Path,
        typer.Option(
            "--text",
            envvar="HYPERBENCH_TEXT",
            callback=expand,
            help="For the pull request's text.",
        ),
    ] = Path("submission.md"),
    tuned: Annotated[
        str,
        typer.Option(
            "--tuned",
            envvar="HYPERBENCH_TUNED",
            help="What the method was tuned on, and for how long; goes into the text.",
        ),
    ] = "",
    sample: Sample = 3,
    all_: AllTasks = False,
    threads: Threads = 0,
    data_dir: DataDir = None,
) -> None:
    """Check rows as a reviewer would, publish them, and write the pull request's text."""
    from hyperbench.commands.submit import submit_command

    published = submit_command(
        folders,
        board_dir,
        choice_of(protocol, suite, method),
        text=text,
        tuned=tuned,
        num_tasks=None if all_ else sample,
        num_threads=threads,
        data_dir=data_dir_or_cache(data_dir),
    )
    if not published:
        raise typer.Exit(1)
