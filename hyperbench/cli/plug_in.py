"""The option that plugs in a single file, of every command that resolves names."""

from __future__ import annotations

from typing import Annotated

import typer


def plug_in(context: typer.Context, files: list[str] | None) -> list[str] | None:
    """Load what is given, beside what the environment names, for as long as the command lasts."""
    if files:
        from hyperbench.registry import plugged_in
        from hyperbench.registry.files import absolute, given_plugins

        context.with_resource(plugged_in([*given_plugins(), *map(absolute, files)]))
    return files


Plugins = Annotated[
    list[str] | None,
    # No environment variable of its own: HYPERBENCH_PLUGIN is read where plugins are, by all.
    typer.Option(
        "--plugin",
        callback=plug_in,
        help="A Python file that registers a method or a family, or module:Class; repeatable, or "
        "in HYPERBENCH_PLUGIN, separated by commas.",
    ),
]
