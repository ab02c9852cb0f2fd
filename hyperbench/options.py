"""Options that several commands of the command line share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hyperbench.errors import HyperbenchError, UnknownNameError


def read_config(context: typer.Context, path: Path | None) -> Path | None:
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
