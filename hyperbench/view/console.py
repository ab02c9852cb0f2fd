"""Where results go on a terminal: tables and lists in its width."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TextIO, cast

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from hyperbench.errors import HyperbenchError
from hyperbench.events import Event, LenientStream, silence
from hyperbench.table import Table

_ROOMY = 160
"""Columns that any table fits into."""
_PADDING = 3
"""Columns of space beside each."""
_LEAST_NAME = 12
"""Columns that a name gets however narrow the terminal is."""
_AFTER = re.compile(r"(?<=/)|(?<=-)(?!v\d)")
"""Where names of families, which are long, may be broken: not before their version."""


def is_watched(console: Console) -> bool:
    """Whether a person's terminal shows it; where colour is forced, a log may pass for one."""
    return console.is_terminal and console.file.isatty()


def plain_console(file: IO[str] | None = None, width: int | None = None) -> Console:
    """Where text goes, in a notebook, too: there rich would show all of it as results of a cell.

    Args:
        file: standard output if not given.
        width: columns; those of the terminal if not given.
    """
    return Console(file=file, width=width, force_jupyter=False)


def standard_output() -> Console:
    """Where results go; as wide as a table needs where there is no terminal to fit."""
    console = plain_console()
    return console if is_watched(console) else plain_console(width=_ROOMY)


def roomy(console: Console) -> Console:
    """The console, or one as wide as a table needs where there is no terminal to fit."""
    return console if is_watched(console) else plain_console(console.file, _ROOMY)


def standard_error() -> Console:
    """Where progress goes; it falls silent where that cannot be written."""

    def find() -> TextIO | None:
        # While bars are drawn, rich puts a proxy in its place, which writes to this console.
        found: TextIO | None = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
        return found

    return plain_console(cast(IO[str], LenientStream(find)))


@contextmanager
def output_that_may_fail(again: str) -> Iterator[None]:
    """Tell how to see a result again that standard output does not take.

    A terminal that was closed asks for none.

    Args:
        again: the command that shows it.

    Raises:
        HyperbenchError: standard output cannot be written, e.g. because its disk is full.
    """
    try:
        yield
        if sys.stdout is not None:  # it is, where it was closed
            sys.stdout.flush()
    except BrokenPipeError:
        raise  # whoever closed the pipe has seen enough
    except OSError as error:
        silence(sys.stdout)
        if error.errno != errno.EIO:
            raise HyperbenchError(
                f"The result cannot be shown: {error.strerror or error}. Show it with: {again}"
            ) from error


def print_table(table: Table, console: Console) -> None:
    """Show one table, in parts where it is wider than the console."""
    for part in _that_fit(table, console.width):
        console.print(part)


def print_listing(title: str, rows: Sequence[tuple[str, ...]], console: Console) -> None:
    """Show names and what they are, under a heading."""
    console.print(f"\n[bold]{escape(title)}[/]")
    grid = RichTable.grid(padding=(0, 2))
    for row in rows:
        grid.add_row("", *map(escape, row))
    console.print(grid, highlight=False)


def print_line(text: str, console: Console) -> None:
    """Show a text as it is, whatever looks like markup in it, and break no path."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


class LeftOut:
    """Says on standard error what is not planned and why; an ``events.Notify``.

    Attributes:
        number: how much it has told of.
    """

    number = 0

    def __call__(self, event: Event) -> None:
        """Tell of one family or method."""
        self.number += 1
        text = f"{event.run} is left out: {event.message}"
        print_line(text, standard_error())


def _that_fit(table: Table, width: int) -> Iterator[RichTable]:
    """The table in as few parts as fit the width, each beginning with the first column.

    A name that would take more than its share is folded: numbers are never cut.
    """
    header = [_AFTER.sub("\n", name) for name in table.header]
    widths = [
        max(map(len, (*name.splitlines(), *cells))) + _PADDING
        for name, *cells in zip(header, *table.rows, strict=True)
    ]
    left = width - _PADDING - max(widths[1:], default=0)  # beside the widest of the others
    widths[0] = min(widths[0], max(left, _LEAST_NAME), max(width // 2, _LEAST_NAME))
    part, used = [0], widths[0] + _PADDING
    for i in range(1, len(header)):
        if len(part) > 1 and used + widths[i] > width:
            yield _rich(table, header, part, widths[0] - _PADDING)
            part, used = [0], widths[0] + _PADDING
        part.append(i)
        used += widths[i]
    yield _rich(table, header, part, widths[0] - _PADDING)


def _rich(
    table: Table, header: Sequence[str], columns: Sequence[int], name_width: int
) -> RichTable:
    shown = RichTable(title=escape(table.title), box=box.SIMPLE_HEAD, title_justify="left")
    shown.add_column(escape(header[0]), overflow="fold", width=name_width)
    for i in columns[1:]:
        shown.add_column(escape(header[i]), justify="right", no_wrap=True)
    for cells, dim in zip(table.rows, table.dimmed, strict=True):
        # Names such as "hypogen [num_blocks=8]" would be read as markup.
        shown.add_row(*(escape(cells[i]) for i in columns), style="dim" if dim else None)
    return shown
