"""Options that several commands of the command line share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hyperbench.errors import HyperbenchError, ProtocolError, UnknownNameError

if TYPE_CHECKING:
    from hyperbench.protocol import EvalProtocol


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let a YAML file set the command's options; what is given on the command line wins."""
    if path is None:
        return None
    from hyperbench.cli.config import load_config

    content = load_config(path)
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


@contextmanager
def goes_on(kept: str) -> Iterator[None]:
    """Tell whoever interrupts a command how to go on with it."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Interrupted. {kept} are kept; the same command goes on.", err=True)
        raise typer.Exit(130) from None


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


def data_dir_or_cache(given: Path | None) -> Path:
    """Where demonstrations are: the folder given, or the user's cache.

    Raises:
        HyperbenchError: none is given, and the user has no home.
    """
    import platformdirs

    if given is not None:
        return given
    try:
        return Path(platformdirs.user_cache_dir("hyperbench")) / "demonstrations"
    except RuntimeError as error:
        raise HyperbenchError(
            f"There is no place for demonstrations ({error}): give one with --data-dir."
        ) from error
