"""The application that commands are added to, and what starts it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.models import CommandFunctionType

from hyperbench import __version__
from hyperbench.errors import HyperbenchError
from hyperbench.view.encoding import show_everything

_ANY = 1_000
"""Characters; more than a summary has."""


class Commands(TyperGroup):
    """Commands, each with its whole summary in the list of them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list, its summaries over as many lines as they take."""
        named = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, found.get_short_help_str(_ANY)) for name, found in named if found]
            )


class Command(TyperCommand):
    """A command that refuses an option of one value given more than once.

    Otherwise the last one counts, and of ``-s one -s other`` only the other is measured.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse as usual, if there is no such option."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for param in dict.fromkeys(given):
            one = isinstance(param, TyperOption) and not (param.multiple or param.is_flag)
            if one and given.count(param) > 1:
                ctx.fail(
                    f"{param.opts[0]} takes one value and is given {given.count(param)} times. "
                    "Call the command once for each."
                )
        return super().parse_args(ctx, args)


class App(typer.Typer):
    """The application, each of whose commands is a ``Command``."""

    def command(
        self, name: str | None = None, **options: Any
    ) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Register one."""
        return super().command(name, cls=Command, **options)


app = App(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # whose tables cut long words, such as the names of variables
    context_settings={"help_option_names": ["-h", "--help"]},
    help="How well does a method write a policy for a task it has never seen, from its spec alone?",
)


def main() -> None:
    """Entry point: errors a user can act on are printed without a traceback and exit with 2."""
    show_everything()
    try:
        app()
    except HyperbenchError as error:
        if "--debug" in sys.argv:
            raise
        with suppress(OSError):
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
