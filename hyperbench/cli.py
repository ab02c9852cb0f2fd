"""The command line. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyperbench import __version__
from hyperbench.errors import HyperbenchError, UnknownNameError

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


def _read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let a YAML file set the command's options; what is given on the command line wins."""
    if path is None:
        return None
    import yaml

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise HyperbenchError(f"Config file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise HyperbenchError(f"Config file {path} must be a mapping of option names to values.")
    options = {
        option.removeprefix("--"): param.name or ""
        for param in context.command.params
        for option in param.opts
        if option.startswith("--") and param.name != "config"
    }
    given: dict[str, Any] = {}
    for key, value in content.items():
        option = str(key).replace("_", "-")
        if option not in options:
            raise UnknownNameError(f"option in {path}", str(key), options)
        if option == "set" and isinstance(value, dict):
            value = [f"{setting}={wanted}" for setting, wanted in value.items()]
        given[options[option]] = value
    context.default_map = {**(context.default_map or {}), **given}
    return path


Suite = Annotated[
    str,
    typer.Option("--suite", "-s", envvar="HYPERBENCH_SUITE", help="A suite, or one family of it."),
]
Protocol = Annotated[
    str, typer.Option("--protocol", "-p", envvar="HYPERBENCH_PROTOCOL", help="The rules.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", envvar="HYPERBENCH_SET", help="name=value, or method.name=value; repeatable."
    ),
]
Device = Annotated[
    str,
    typer.Option(
        envvar="HYPERBENCH_DEVICE", help="For fitting: cpu, cuda, or auto: cuda if there is one."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="HYPERBENCH_DATA_DIR", help="Root of all demonstrations [default: user cache]."
    ),
]
Threads = Annotated[
    int,
    typer.Option(
        envvar="HYPERBENCH_THREADS",
        min=0,
        help="Physics threads; 0 takes the cores. Results do not depend on it.",
    ),
]
JsonFlag = Annotated[
    bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print the board as JSON.")
]


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
            callback=_read_config,
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


@app.command("list")
def list_() -> None:
    """Show suites, families, methods, control arms and protocols by name."""
    from hyperbench.describe import list_command

    list_command()


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A suite, family, method or protocol.")],
) -> None:
    """Describe a suite, family, method or protocol."""
    from hyperbench.describe import info_command

    info_command(name)


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
