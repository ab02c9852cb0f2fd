"""The command that searches settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.completing import of_names
from hyperbench.cli.options import (
    DataDir,
    Device,
    Events,
    ExecutorFile,
    ExecutorName,
    Gpus,
    Jobs,
    Protocol,
    Scheduler,
    Settings,
    debugging,
    expand,
    place_of,
    protocol_named,
)
from hyperbench.cli.plug_in import Plugins
from hyperbench.cli.stopping import goes_on
from hyperbench.disk import data_dir_or_cache


@app.command()
def tune(
    context: typer.Context,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            "-m",
            envvar="HYPERBENCH_METHOD",
            autocompletion=of_names("method"),
            help="The method.",
        ),
    ],
    suite: Annotated[
        list[str],
        typer.Option(
            "--suite",
            "-s",
            envvar="HYPERBENCH_SUITE",
            autocompletion=of_names("world"),
            help="A suite, or one family; repeatable.",
        ),
    ],
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    trials: Annotated[
        int,
        typer.Option(
            "--trials", "-n", envvar="HYPERBENCH_TRIALS", min=1, help="In all, the defaults first."
        ),
    ] = 20,
    protocol: Protocol = "standard-v1",
    splits: Annotated[
        int,
        typer.Option(envvar="HYPERBENCH_SPLITS", min=1, help="Splits of each family to judge by."),
    ] = 3,
    halving: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_HALVING",
            help="Rounds of settings x families x splits in place of --trials and --splits: "
            "24x2x1,6x5x1,2x5x3 judges 24 settings by the first two families and one split, the "
            "best six by five families, the best two by three splits.",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(envvar="HYPERBENCH_TUNE_SEED", min=0, help="Of the search.")
    ] = 0,
    settings: Settings = None,
    device: Device = "cpu",
    output_dir: Annotated[
        Path,
        typer.Option(
            "--output-dir",
            "-o",
            envvar="HYPERBENCH_TUNE_OUTPUT_DIR",
            callback=expand,
            help="For studies.",
        ),
    ] = Path("studies"),
    data_dir: DataDir = None,
    jobs: Jobs = 0,
    executor: ExecutorName = "local",
    executor_config: ExecutorFile = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    events: Events = None,
) -> None:
    """Search a method's settings on validation tasks, under splits that no board uses."""
    from hyperbench.commands.tune import tune_command

    with goes_on("Finished trials"):
        left_out = tune_command(
            method=method,
            suites=suite,
            protocol=protocol_named(protocol),
            num_splits=splits,
            num_trials=trials,
            halving=halving,
            seed=seed,
            settings=settings or [],
            device=device,
            output_dir=output_dir,
            data_dir=data_dir_or_cache(data_dir),
            place=place_of(executor, jobs, executor_config, scheduler, gpus),
            events=events,
            debug=debugging(context),
        )
    if left_out:
        raise typer.Exit(1)
