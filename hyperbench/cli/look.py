"""Commands that show what there is: plugins, families, methods, runs and films."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hyperbench.cli.app import app
from hyperbench.cli.completing import of_names, of_words
from hyperbench.cli.options import (
    AsJson,
    ChosenMethods,
    ChosenProtocols,
    ChosenSuites,
    DataDir,
    OutputDir,
    Settings,
    Suite,
    choice_of,
    expand,
    protocol_named,
)
from hyperbench.cli.plug_in import Plugins, plug_in
from hyperbench.disk import data_dir_or_cache


@app.command()
def inspect(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders that `run` wrote; committed boards keep no generator."),
    ],
    protocol: ChosenProtocols = None,
    suite: ChosenSuites = None,
    method: ChosenMethods = None,
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    data_dir: DataDir = None,
    as_json: Annotated[
        bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print each task's, as JSON.")
    ] = False,
) -> None:
    """Show how well a run's policies clone source and validation tasks, after each block."""
    from hyperbench.commands.inspect import inspect_command

    inspect_command(
        folders, data_dir_or_cache(data_dir), as_json, choice_of(protocol, suite, method)
    )


@app.command()
def render(
    suite: Suite,
    task: Annotated[
        str,
        typer.Option(
            "--task",
            "-t",
            envvar="HYPERBENCH_TASK",
            help="Feature values, e.g. speed=3,colour=red, or the first digits of a task's key.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            envvar="HYPERBENCH_RENDER_OUTPUT",
            callback=expand,
            help=".mp4 or .gif.",
        ),
    ],
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    policy: Annotated[
        str,
        typer.Option(
            envvar="HYPERBENCH_POLICY",
            autocompletion=of_words("expert", "demonstrator", "random", "zero-action"),
            help="expert, demonstrator, random, zero-action, or the folder of a run that `run` "
            "wrote.",
        ),
    ] = "expert",
    seed: Annotated[
        int,
        typer.Option(
            envvar="HYPERBENCH_RENDER_SEED", min=0, help="What the environment is reset with."
        ),
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
    from hyperbench.commands.render import render_command

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
def list_(
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    as_json: AsJson = False,
) -> None:
    """Show suites, families, methods, control arms and protocols by name."""
    from hyperbench.commands.list import list_command

    list_command(as_json)


@app.command()
def info(
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=of_names("world", "method", "protocol"),
            help="A suite, family, method or protocol.",
        ),
    ],
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    protocol: Annotated[
        str | None,
        # No environment variable: what is set for runs must not ask for the split of a method.
        typer.Option(
            "--protocol",
            "-p",
            autocompletion=of_names("protocol"),
            help="Show a family's split by it.",
        ),
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
    as_json: AsJson = False,
) -> None:
    """Describe a suite, family, method or protocol."""
    from hyperbench.commands.info import info_command

    if split is not None and protocol is None:
        protocol = "quick-v2"
    left_out = info_command(
        name,
        protocol=None if protocol is None else protocol_named(protocol),
        split_seed=split,
        num_episodes=num_episodes,
        as_json=as_json,
    )
    if left_out:
        raise typer.Exit(1)


@app.command()
def plugins(
    plugin: Plugins = None,  # noqa: ARG001 (its callback has used it)
    as_json: AsJson = False,
) -> None:
    """Show the installed plugins, and why any could not be loaded."""
    from hyperbench.commands.plugins import plugins_command

    plugins_command(as_json)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(help="A folder that `run` writes.")],
    as_json: Annotated[
        bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print each run's, as JSON.")
    ] = False,
) -> None:
    """Show which runs of a folder are done, failed, going on and missing."""
    from hyperbench.commands.status import status_command

    status_command(folder, as_json)


@app.command()
def doctor(
    output_dir: OutputDir = Path("runs"),
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Check whether this machine can measure, and say what to do if not."""
    from hyperbench.commands.doctor import doctor_command

    if not doctor_command(output_dir, data_dir_or_cache(data_dir), as_json):
        raise typer.Exit(1)


@app.command()
def check(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=of_names("world", "method"),
            help="A method, family or suite; or a Python file that registers some.",
        ),
    ],
    plugin: Plugins = None,
    settings: Settings = None,
) -> None:
    """Check that a method or a family keeps its contract, and say how to mend what does not."""
    from hyperbench.commands.check import check_command
    from hyperbench.registry.files import is_file

    if is_file(name):
        plug_in(context, [*(plugin or ()), name])
    if not check_command(name, settings or []):
        raise typer.Exit(1)


@app.command()
def new(
    kind: Annotated[
        str, typer.Argument(autocompletion=of_words("method", "suite"), help="method or suite.")
    ],
    name: Annotated[str, typer.Argument(help="Of it, and of the package's folder.")],
    output_dir: Annotated[
        Path,
        typer.Option(
            "--output-dir",
            "-o",
            envvar="HYPERBENCH_NEW_OUTPUT_DIR",
            callback=expand,
            help="For that folder.",
        ),
    ] = Path(),
) -> None:
    """Write a package with a method or a suite that works, its test, README and CI."""
    from hyperbench.commands.new import new_command

    new_command(kind, name, output_dir)
