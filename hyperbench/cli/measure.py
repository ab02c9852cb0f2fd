"""Commands that measure: they plan, fit, judge and keep what came out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.completing import of_names
from hyperbench.cli.like import Like, check_rules, record_at, settings_like
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
    place_of,
    protocol_named,
    read_config,
)
from hyperbench.cli.plug_in import Plugins
from hyperbench.cli.stopping import goes_on
from hyperbench.disk import data_dir_or_cache


@app.command()
def run(
    context: typer.Context,
    method: Annotated[
        list[str],
        typer.Option(
            "--method",
            "-m",
            envvar="HYPERBENCH_METHOD",
            autocompletion=of_names("method", "arm"),
            help="A method; repeatable.",
        ),
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
    sweep: Annotated[
        bool,
        typer.Option(
            "--sweep",
            envvar="HYPERBENCH_SWEEP",
            help="Settings may have several values, as in --set width=64,128: measure every "
            "combination, each a row of its own.",
        ),
    ] = False,
    like: Like = None,
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
    spec_noise: Annotated[
        list[float] | None,
        typer.Option(
            "--spec-noise",
            envvar="HYPERBENCH_SPEC_NOISE",
            help="Also measure each with Gaussian noise of this deviation on the numbers shown of "
            "a spec, as a control; repeatable.",
        ),
    ] = None,
    hide_feature: Annotated[
        list[str] | None,
        typer.Option(
            "--hide-feature",
            envvar="HYPERBENCH_HIDE_FEATURE",
            help="Also measure each with the middle of this feature's range in its place, as a "
            "control; repeatable.",
        ),
    ] = None,
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
    listener: Annotated[
        list[str] | None,
        typer.Option(
            envvar="HYPERBENCH_LISTENER",
            help="Tell an experiment tracker, or another listener, how runs go; repeatable.",
        ),
    ] = None,
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

    settings = settings or []
    record = None if like is None else record_at(like)
    if record is not None:
        settings = settings_like(record, method, settings)
        if seeds is None:
            split_seeds = split_seeds or str(record.seeds.split)
            fit_seeds = fit_seeds or str(record.seeds.fit)
    rules = protocol_named(protocol, seeds, split_seeds, fit_seeds)
    if record is not None:
        check_rules(record, rules)
    with goes_on("Finished runs"):
        failed = run_command(
            methods=method,
            suite=suite,
            protocol=rules,
            settings=settings,
            sweep=sweep,
            baselines=baselines,
            shuffled_spec=shuffled_spec,
            spec_noises=spec_noise or [],
            hidden_features=hide_feature or [],
            device=device,
            place=place_of(executor, jobs, executor_config, scheduler, gpus),
            timeout=timeout or None,
            shard=None if shard is None else Shard.read(shard),
            events=events,
            listeners=listener or [],
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
