"""Options that several commands of the command line share."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyperbench.cli.completing import of_names, of_runs, of_words
from hyperbench.errors import HyperbenchError, ProtocolError, UnknownNameError

if TYPE_CHECKING:
    from hyperbench.boards.choice import Choice
    from hyperbench.commands.executing import Place
    from hyperbench.protocol import EvalProtocol


_VARIABLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([^}]+)\})")


def expand(context: typer.Context, param: typer.CallbackParam, path: Path | None) -> Path | None:
    """Read ``~`` and ``$NAME`` in a path where no shell has done so.

    A ``~`` is the home folder wherever it comes from. On the command line a ``$`` that the shell
    has left there is part of a name.

    Raises:
        HyperbenchError: there is no such variable, or no such home.
    """
    if path is None:
        return None
    source = context.get_parameter_source(param.name or "")
    text = str(path)
    if source is None or source.name != "COMMANDLINE":
        names = {found[1] or found[2] for found in re.finditer(_VARIABLE, text)}
        if unset := sorted(names - os.environ.keys()):
            raise HyperbenchError(
                f"{param.opts[0]} {path}: there is no variable {unset[0]} in the environment. "
                "Set it, or write the path out."
            )
        text = re.sub(_VARIABLE, lambda found: os.environ[found[1] or found[2]], text)
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise HyperbenchError(
            f"{param.opts[0]} {path}: no home folder is known for {Path(text).parts[0]}. "
            "Write the path out."
        ) from error


def read_config(
    context: typer.Context, param: typer.CallbackParam, path: Path | None
) -> Path | None:
    """Let a YAML file set the command's options; what is given on the command line wins."""
    path = expand(context, param, path)
    if path is None:
        return None
    from hyperbench.cli.config import load_config

    params = {
        option.removeprefix("--"): param
        for param in context.command.params
        for option in param.opts
        if option.startswith("--") and param.name != "config"
    }
    given: dict[str, Any] = {}
    for key, value in load_config(path).items():
        option = key.replace("_", "-")
        if option not in params:
            raise UnknownNameError(f"option in {path}", key, params)
        taker = params[option]
        if taker.name in given:
            raise HyperbenchError(f"Config file {path}: {option!r} is given twice.")
        if taker.multiple and isinstance(value, str):
            value = [value]
        elif isinstance(value, list) and not taker.multiple:
            if not option.endswith("seeds"):
                raise HyperbenchError(
                    f"Config file {path}: {key!r} takes one value, found {', '.join(value)}."
                )
            if option == "seeds" and len(value) == 1:
                raise HyperbenchError(
                    f"Config file {path}: seeds: {value[0]} is how many pairs, and for one seed "
                    f"alone write split-seeds: {value[0]} and fit-seeds: {value[0]}."
                )
            value = ",".join(value)
        if taker.name is not None:
            given[taker.name] = value
    context.default_map = {**(context.default_map or {}), **given}
    return path


Suite = Annotated[
    str,
    typer.Option(
        "--suite",
        "-s",
        envvar="HYPERBENCH_SUITE",
        autocompletion=of_names("world"),
        help="A suite, or one family of it.",
    ),
]
Protocol = Annotated[
    str,
    typer.Option(
        "--protocol",
        "-p",
        envvar="HYPERBENCH_PROTOCOL",
        autocompletion=of_names("protocol"),
        help="The rules.",
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        envvar="HYPERBENCH_SEEDS",
        help="How many pairs of split and fit seed, or the seeds, e.g. 0,1,2.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        envvar="HYPERBENCH_SET",
        help="name=value, or method.name=value; repeatable. Values as in YAML: 3, word, null, "
        "[1, 2], {a: 1}.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        envvar="HYPERBENCH_DEVICE",
        autocompletion=of_words("auto", "cpu", "cuda"),
        help="For fitting: cpu, cuda, or auto: cuda if there is one.",
    ),
]
OutputDir = Annotated[
    Path,
    typer.Option(
        "--output-dir", "-o", envvar="HYPERBENCH_OUTPUT_DIR", callback=expand, help="For runs."
    ),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="HYPERBENCH_DATA_DIR",
        callback=expand,
        help="Root of all demonstrations [default: user cache].",
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
AsJson = Annotated[bool, typer.Option("--json", envvar="HYPERBENCH_JSON", help="Print it as JSON.")]
Folders = Annotated[
    list[Path], typer.Argument(help="Folders that `run` wrote, or committed boards.")
]
# What there is is chosen from, without environment variables: what is set for runs must not leave
# rows out of a board.
ChosenProtocols = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        "-p",
        autocompletion=of_runs("protocol"),
        help="Only runs under this protocol; repeatable.",
    ),
]
ChosenSuites = Annotated[
    list[str] | None,
    typer.Option(
        "--suite",
        "-s",
        autocompletion=of_runs("world"),
        help="Only runs of this suite or family; repeatable.",
    ),
]
ChosenMethods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        "-m",
        autocompletion=of_runs("method"),
        help="Only this method, or this row as a board names it, beside the control arms; "
        "repeatable.",
    ),
]


def choice_of(
    protocols: list[str] | None, suites: list[str] | None, methods: list[str] | None
) -> Choice:
    """What of the runs in some folders is asked for."""
    from hyperbench.boards.choice import Choice

    return Choice(protocols or (), suites or (), methods or ())


Jobs = Annotated[
    int,
    typer.Option(
        "--jobs",
        "-j",
        envvar="HYPERBENCH_JOBS",
        min=0,
        help="Runs at a time; 0 takes the cores. Results do not depend on it.",
    ),
]
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        envvar="HYPERBENCH_EXECUTOR",
        autocompletion=of_names("executor"),
        help="Where runs are carried out: local, dask, slurm, or a plugin's. Results do not depend "
        "on it.",
    ),
]
ExecutorFile = Annotated[
    Path | None,
    typer.Option(
        "--executor-config",
        envvar="HYPERBENCH_EXECUTOR_CONFIG",
        callback=expand,
        help="YAML file with settings of the executor, e.g. partition and time of slurm.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        envvar="HYPERBENCH_SCHEDULER",
        help="Address of a Dask scheduler; without one, dask starts workers here.",
    ),
]
Gpus = Annotated[
    str | None,
    typer.Option(
        envvar="HYPERBENCH_GPUS",
        help="GPUs that the executor local shares out among its workers, e.g. 0,1.",
    ),
]
Events = Annotated[
    Path | None,
    typer.Option(
        envvar="HYPERBENCH_EVENTS",
        callback=expand,
        help="Add what happens to this file, as lines of JSON.",
    ),
]


def place_of(
    executor: str, jobs: int, file: Path | None, scheduler: str | None, gpus: str | None
) -> Place:
    """Where runs are carried out, as the options for it say; those of their own win over a file."""
    from hyperbench.cli.config import load_mapping
    from hyperbench.commands.executing import Place

    settings = load_mapping(file) if file else {}
    said = {"scheduler": scheduler, "gpus": gpus}
    return Place(executor, jobs, settings | {k: v for k, v in said.items() if v is not None})


def debugging(context: typer.Context) -> bool:
    """Whether ``--debug`` stands before the command."""
    return bool(context.find_root().params.get("debug"))


def protocol_named(
    name: str,
    seeds: str | None = None,
    split_seeds: str | None = None,
    fit_seeds: str | None = None,
) -> EvalProtocol:
    """The registered protocol of that name, with other seeds where some are asked for."""
    from hyperbench.registry import installed

    protocol = installed().protocol(name)
    if seeds is None and split_seeds is None and fit_seeds is None:
        return protocol
    if seeds is None:
        return protocol.with_crossed_seeds(split_seeds, fit_seeds)
    if split_seeds is not None or fit_seeds is not None:
        raise ProtocolError(
            "--seeds names pairs, --split-seeds and --fit-seeds are crossed: give one or the other."
        )
    return protocol.with_seeds(seeds)
