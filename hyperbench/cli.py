"""The command line. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hyperbench import __version__
from hyperbench.errors import HyperbenchError, UnknownNameError
from hyperbench.options import (
    DataDir,
    Device,
    JsonFlag,
    Protocol,
    Settings,
    Suite,
    Threads,
    read_config,
)

if TYPE_CHECKING:
    from hyperbench.protocol import EvalProtocol

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How well does a method write a policy for a task it has never seen, from its spec alone?",
)


def main() -> None:
    """Entry point: errors a user can act on are printed without a traceback and exit with 2."""
    try:
        app()
    except HyperbenchError as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"Error: {error}", err=True)
        sys.exit(2)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hyperbench {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Take the options that stand before a command."""


@app.command()
def run(
    method: Annotated[
        list[str],
        typer.Option("--method", "-m", envvar="HYPERBENCH_METHOD", help="A method; repeatable."),
    ],
    suite: Suite,
    protocol: Protocol = "quick-v1",
    seeds: Annotated[
        str | None,
        typer.Option(
            envvar="HYPERBENCH_SEEDS",
            help="How many pairs of split and fit seed, or the seeds, e.g. 0,1,2.",
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
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            envvar="HYPERBENCH_JOBS",
            min=0,
            help="Runs at a time; 0 takes the cores. Results do not depend on it.",
        ),
    ] = 0,
    output_dir: Annotated[
        Path, typer.Option("--output-dir", "-o", envvar="HYPERBENCH_OUTPUT_DIR", help="For runs.")
    ] = Path("runs"),
    data_dir: DataDir = None,
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
    from hyperbench.commands import run_command

    with _goes_on("Finished runs"):
        failed = run_command(
            methods=method,
            suite=suite,
            protocol=_protocol(protocol, seeds),
            settings=settings or [],
            baselines=baselines,
            shuffled_spec=shuffled_spec,
            device=device,
            num_jobs=jobs,
            output_dir=output_dir,
            data_dir=_data_dir(data_dir),
            dry_run=dry_run,
            as_json=as_json,
        )
    if failed:
        raise typer.Exit(1)


@app.command()
def tune(
    method: Annotated[
        str, typer.Option("--method", "-m", envvar="HYPERBENCH_METHOD", help="The method.")
    ],
    suite: Suite,
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
    seed: Annotated[int, typer.Option(envvar="HYPERBENCH_SEED", min=0, help="Of the search.")] = 0,
    settings: Settings = None,
    device: Device = "cpu",
    output_dir: Annotated[
        Path,
        typer.Option("--output-dir", "-o", envvar="HYPERBENCH_OUTPUT_DIR", help="For studies."),
    ] = Path("studies"),
    data_dir: DataDir = None,
    threads: Threads = 0,
) -> None:
    """Search a method's settings on validation tasks, under splits that no board uses."""
    from hyperbench.commands import tune_command

    with _goes_on("Finished trials"):
        tune_command(
            method=method,
            suite=suite,
            protocol=_protocol(protocol, None),
            num_splits=splits,
            num_trials=trials,
            seed=seed,
            settings=settings or [],
            device=device,
            output_dir=output_dir,
            data_dir=_data_dir(data_dir),
            num_threads=threads,
        )


@app.command()
def prepare(
    suite: Suite,
    protocol: Protocol = "quick-v1",
    data_dir: DataDir = None,
    threads: Threads = 0,
) -> None:
    """Let the experts demonstrate and store it, with checksums; what is sound is kept."""
    from hyperbench.commands import prepare_command

    prepare_command(suite, _protocol(protocol, None), _data_dir(data_dir), threads)


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
def inspect(
    folders: Annotated[list[Path], typer.Argument(help="Folders that `run` wrote.")],
    data_dir: DataDir = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print each task's, as JSON.")
    ] = False,
) -> None:
    """Show how well a run's policies clone source and validation tasks, after each block."""
    from hyperbench.inspection import inspect_command

    inspect_command(folders, _data_dir(data_dir), as_json)


@app.command()
def render(
    suite: Suite,
    task: Annotated[
        str,
        typer.Option(
            "--task",
            "-t",
            envvar="HYPERBENCH_TASK",
            help="Feature values, e.g. speed=3,length=0.4, or the first digits of a task's key.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", envvar="HYPERBENCH_OUTPUT", help=".mp4 or .gif.")
    ],
    policy: Annotated[
        str,
        typer.Option(
            envvar="HYPERBENCH_POLICY",
            help="expert, random, zero-action, or the folder of a run that `run` wrote.",
        ),
    ] = "expert",
    seed: Annotated[
        int,
        typer.Option(envvar="HYPERBENCH_SEED", min=0, help="What the environment is reset with."),
    ] = 0,
    num_steps: Annotated[
        int | None,
        typer.Option(envvar="HYPERBENCH_NUM_STEPS", min=1, help="Stop after so many."),
    ] = None,
    fps: Annotated[
        int | None,
        typer.Option(
            envvar="HYPERBENCH_FPS",
            min=1,
            help="Pictures a second, at the simulation's pace; if not given, at most 50.",
        ),
    ] = None,
) -> None:
    """Film one episode of an expert, or of a policy that a run has generated."""
    from hyperbench.render import render_command

    render_command(
        suite=suite,
        task=task,
        policy=policy,
        output=output,
        seed=seed,
        num_steps=num_steps,
        fps=fps,
    )


@app.command("list")
def list_() -> None:
    """Show suites, families, methods, control arms and protocols by name."""
    from hyperbench.describe import list_command

    list_command()


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A suite, family, method or protocol.")],
    protocol: Annotated[
        str | None,
        # No environment variable: what is set for runs must not ask for the split of a method.
        typer.Option("--protocol", "-p", help="Show a family's split by it."),
    ] = None,
    split: Annotated[
        int | None,
        typer.Option(
            envvar="HYPERBENCH_SPLIT",
            min=0,
            help="Seed of that split; the protocol's first if not given.",
        ),
    ] = None,
    num_episodes: Annotated[
        int | None,
        typer.Option(
            envvar="HYPERBENCH_NUM_EPISODES",
            min=0,
            help="Per task, by expert and at random; if not given, 1 of a single family.",
        ),
    ] = None,
) -> None:
    """Describe a suite, family, method or protocol."""
    from hyperbench.describe import info_command

    if split is not None and protocol is None:
        protocol = "quick-v1"
    info_command(
        name,
        protocol=None if protocol is None else _protocol(protocol, None),
        split_seed=split,
        num_episodes=num_episodes,
    )


@app.command()
def plugins() -> None:
    """Show the installed plugins, and why any could not be loaded."""
    from hyperbench.describe import plugins_command

    plugins_command()


@contextmanager
def _goes_on(kept: str) -> Iterator[None]:
    """Tell whoever interrupts a command how to go on with it."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Interrupted. {kept} are kept; the same command goes on.", err=True)
        raise typer.Exit(130) from None


def _protocol(name: str, seeds: str | None) -> EvalProtocol:
    from hyperbench.protocol import PROTOCOLS

    if name not in PROTOCOLS:
        raise UnknownNameError("protocol", name, PROTOCOLS)
    protocol = PROTOCOLS[name]
    return protocol if seeds is None else protocol.with_seeds(seeds)


def _data_dir(given: Path | None) -> Path:
    import platformdirs

    if given is not None:
        return given
    return Path(platformdirs.user_cache_dir("hyperbench")) / "demonstrations"
