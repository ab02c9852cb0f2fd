"""Commands that measure: they plan, fit, judge and keep what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.options import (
    DataDir,
    Device,
    Events,
    ExecutorFile,
    ExecutorName,
    Gpus,
    Jobs,
    JsonFlag,
    OutputDir,
    Protocol,
    Scheduler,
    Seeds,
    Settings,
    Suite,
    Threads,
    debugging,
    expand,
    goes_on,
    place_of,
    protocol_named,
    read_config,
)
from hyperbench.cli.plug_in import Plugins
from hyperbench.disk import data_dir_or_cache


@app.command()
def run(
    context: typer.Context,
    method: Annotated[
        list[str],
        typer.Option("--method", "-m", envvar="HYPERBENCH_METHOD", help="A method; repeatable."),
    ],
    suite: Suite,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    protocol: Protocol = "quick-v2",
    seeds: Seeds = None,
    split_seeds: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_SPLIT_SEEDS", help="Split seeds, crossed with --fit-seeds: 0,1."
        ),
    ] = None,
    fit_seeds: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_FIT_SEEDS", help="Fit seeds, crossed with --split-seeds: 0,1,2."
        ),
    ] = None,
    settings: Settings = None,
    baselines: Annotated[
        bool,
        typer.Option(
            envvar="HYPERBENCH_BASELINES", help="Also measure the registered baseline methods."
        ),
    ] = True,
    shuffled_spec: Annotated[
        bool,
        typer.Option(
            "--shuffled-spec",
            envvar="HYPERBENCH_SHUFFLED_SPEC",
            help="Also measure each method asked for with the specs permuted, as a control.",
        ),
    ] = False,
    device: Device = "cpu",
    jobs: Jobs = 0,
    executor: ExecutorName = "local",
    executor_config: ExecutorFile = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    shard: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_SHARD",
            help="Carry out one of n equal parts of the plan, such as 1/3; `merge` joins them.",
        ),
    ] = None,
    events: Events = None,
    timeout: Annotated[
        float,
        typer.Option(
            envvar="HYPERBENCH_TIMEOUT",
            min=0,
            help="Seconds after which a run is stopped and counts as failed; 0 is never.",
        ),
    ] = 0,
    checkpoint_seconds: Annotated[
        float,
        typer.Option(
            envvar="HYPERBENCH_CHECKPOINT_SECONDS",
            min=0,
            help="How much of a fit may be lost when it is killed; 0 keeps every step.",
        ),
    ] = 60,
    output_dir: OutputDir = Path("runs"),
    data_dir: DataDir = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep",
            envvar="HYPERBENCH_KEEP",
            help="Accept finished runs and demonstrations whose code has changed since.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option("--again", envvar="HYPERBENCH_AGAIN", help="Measure finished runs again."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option(envvar="HYPERBENCH_DRY_RUN", help="Show the plan and stop.")
    ] = False,
    as_json: JsonFlag = False,
    config: Annotated[  # noqa: ARG001 (its callback has used it)
        Path | None,
        typer.Option(
            "--config",
            "-c",
            callback=read_config,
            is_eager=True,
            envvar="HYPERBENCH_CONFIG",
            help="YAML file with any of these options.",
        ),
    ] = None,
) -> None:
    """Measure methods on unseen tasks, beside the control arms, and show the board."""
    from hyperbench.commands.run import run_command
    from hyperbench.measuring.plan import Shard

    with goes_on("Finished runs"):
        failed = run_command(
            methods=method,
            suite=suite,
            protocol=protocol_named(protocol, seeds, split_seeds, fit_seeds),
            settings=settings or [],
            baselines=baselines,
            shuffled_spec=shuffled_spec,
            device=device,
            place=place_of(executor, jobs, executor_config, scheduler, gpus),
            timeout=timeout or None,
            shard=None if shard is None else Shard.read(shard),
            events=events,
            checkpoint_seconds=checkpoint_seconds,
            output_dir=output_dir,
            data_dir=data_dir_or_cache(data_dir),
            keep=keep,
            again=again,
            dry_run=dry_run,
            as_json=as_json,
            debug=debugging(context),
        )
    if failed:
        raise typer.Exit(1)


@app.command()
def tune(
    context: typer.Context,
    method: Annotated[
        str, typer.Option("--method", "-m", envvar="HYPERBENCH_METHOD", help="The method.")
    ],
    suite: Annotated[
        list[str],
        typer.Option(
            "--suite", "-s", envvar="HYPERBENCH_SUITE", help="A suite, or one family; repeatable."
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


@app.command()
def prepare(
    context: typer.Context,
    suite: Suite,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    protocol: Protocol = "quick-v2",
    data_dir: DataDir = None,
    threads: Threads = 0,
    brought: Annotated[
        str | None,
        typer.Option(
            "--from",
            envvar="HYPERBENCH_FROM",
            help="A Minari dataset, for a family that has no demonstrators: folder, id or remote.",
        ),
    ] = None,
) -> None:
    """Let the experts of all tasks demonstrate and store it; what is sound is kept."""
    from hyperbench.commands.prepare import bring_command, prepare_command

    if brought is not None:
        bring_command(suite, brought, protocol_named(protocol), data_dir_or_cache(data_dir))
        return
    with goes_on("Finished families"):
        failed = prepare_command(
            suite,
            protocol_named(protocol),
            data_dir_or_cache(data_dir),
            threads,
            debugging(context),
        )
    if failed:
        raise typer.Exit(1)
