"""What a person sees while runs are going on, and the board afterwards."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table as RichTable

from hyperbench.board import Board
from hyperbench.published import PublishedTable
from hyperbench.report.tables import Table, tables
from hyperbench.search import Setting
from hyperbench.study import Study

_ENDED = ("ok", "failed")
_NUM_TRIALS_SHOWN = 10
_PADDING = 3
"""Columns of space beside each."""
_AFTER = re.compile(r"(?<=/)|(?<=-)(?!v\d)")
"""Where names of families, which are long, may be broken: not before their version."""


class LiveProgress:
    """One bar for each run that is going on, and one for several together; a ``conductor.Notify``.

    Args:
        labels: per run key what the run is called.
        console: where to draw; usually standard error.
    """

    def __init__(self, labels: dict[str, str], console: Console) -> None:
        self._labels = labels
        self._bars: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[loss]}"),
            console=console,
        )
        self._total = self._progress.add_task(
            "[bold]runs", total=len(labels), visible=len(labels) > 1, loss=""
        )

    def __enter__(self) -> LiveProgress:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(
        self, key: str, stage: str, step: int = 0, num_steps: int = 0, loss: float | None = None
    ) -> None:
        if stage in _ENDED:
            if key in self._bars:
                self._progress.remove_task(self._bars.pop(key))
            self._progress.advance(self._total)
            if stage == "failed":
                self._progress.console.print(f"[red]failed[/]  {escape(self._labels[key])}")
            return
        if key not in self._bars:
            self._bars[key] = self._progress.add_task("", total=None, loss="")
        self._progress.update(
            self._bars[key],
            description=escape(f"{self._labels.get(key, key)}: {stage}"),
            completed=step,
            total=num_steps or None,
            loss="" if loss is None else f"loss {loss:.4f}",
        )


class PlainProgress:
    """The same as lines, for logs: one at each stage, and one every few seconds of a fit."""

    def __init__(self, labels: dict[str, str], console: Console, every_seconds: float = 10) -> None:
        self._labels = labels
        self._console = console
        self._every_seconds = every_seconds
        self._stages: dict[str, tuple[str, float, float]] = {}
        self._num_ended = 0
        self._lock = threading.Lock()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(
        self, key: str, stage: str, step: int = 0, num_steps: int = 0, loss: float | None = None
    ) -> None:
        now = time.monotonic()
        with self._lock:
            known, started, told = self._stages.get(key, ("", now, now))
            if stage != known:
                started = told = now
            elif now - told < self._every_seconds:
                return
            self._stages[key] = (stage, started, now)
            label = self._labels.get(key, key)
            if stage in _ENDED:
                self._num_ended += 1
                line = f"[{self._num_ended}/{len(self._labels)}] {label}: {stage}"
            else:
                line = f"{label}: {stage}"
                if step and num_steps:
                    line += f" {step}/{num_steps}"
                    if now > started:
                        seconds_left = (now - started) / step * (num_steps - step)
                        line += f", {seconds_left:.0f} s left"
                if loss is not None:
                    line += f", loss {loss:.4f}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def standard_output() -> Console:
    """Where results go; as wide as a table needs where there is no terminal to fit."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def progress_display(labels: dict[str, str], console: Console) -> LiveProgress | PlainProgress:
    """Bars on a terminal, lines anywhere else."""
    return LiveProgress(labels, console) if console.is_terminal else PlainProgress(labels, console)


def print_boards(boards: Sequence[Board], console: Console) -> None:
    """Show each board: scores, cost, failures, notes."""
    for board in boards:
        for table in tables(board):
            print_table(table, console)
        for failure in board.failures:
            console.print(f"[red]failed[/]  {escape(failure)}", highlight=False)
        for note in board.notes:
            console.print(f"[yellow]note[/]  {escape(note)}", highlight=False)
    console.print(
        "score: random = 0, expert = 1 on each target task; interquartile mean over runs x target "
        "tasks. Control arms are dimmed.",
        style="dim",
        highlight=False,
    )


def print_table(table: Table, console: Console) -> None:
    """Show one table, in parts where it is wider than the console."""
    for part in _that_fit(table, console.width):
        console.print(part)


def print_published(tables: Sequence[PublishedTable], console: Console) -> None:
    """Show what papers report, with where it comes from."""
    for table in tables:
        # A title inside a narrow table would be broken into many lines.
        console.print(table.cells.title, style="italic", highlight=False, markup=False)
        print_table(replace(table.cells, title=""), console)
        for note in table.notes:
            console.print(f"[yellow]note[/]  {escape(note)}", highlight=False)


def print_study(study: Study, console: Console) -> None:
    """Show a study's best trials, what failed, and how to run a board with the best settings."""
    shown = RichTable(
        title=f"{study.method}, {len(study.trials)} trials",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for name in ("trial", "score", "seconds", *study.search):
        shown.add_column(name, justify="right", no_wrap=True)
    for trial in study.ranked[:_NUM_TRIALS_SHOWN]:
        settings = [_short(trial.settings[name]) for name in study.search]
        label = f"{trial.number} (default)" if trial.number == 0 else str(trial.number)
        shown.add_row(label, f"{trial.score:.3f}", f"{trial.seconds:.0f}", *settings)
    console.print(shown)
    for trial in study.trials:
        if trial.status == "failed":
            console.print(
                f"[red]failed[/]  trial {trial.number}: {escape(trial.error or '')}",
                highlight=False,
            )
    console.print(
        "score: random = 0, expert = 1; mean over validation tasks of splits that no board uses.",
        style="dim",
        highlight=False,
    )
    if study.ranked:
        best = study.ranked[0].settings.items()
        options = " ".join(f"--set {name}={_short(value)}" for name, value in best)
        console.print(f"Best: {options}", highlight=False, markup=False, soft_wrap=True)


def _short(value: Setting) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def print_listing(title: str, rows: Sequence[tuple[str, ...]], console: Console) -> None:
    """Show names and what they are, under a heading."""
    console.print(f"\n[bold]{escape(title)}[/]")
    grid = RichTable.grid(padding=(0, 2))
    for row in rows:
        grid.add_row("", *map(escape, row))
    console.print(grid, highlight=False)


def _that_fit(table: Table, width: int) -> Iterator[RichTable]:
    """The table in as few parts as fit the width, each beginning with the first column."""
    header = [_AFTER.sub("\n", name) for name in table.header]
    widths = [
        max(map(len, (*name.splitlines(), *cells))) + _PADDING
        for name, *cells in zip(header, *table.rows, strict=True)
    ]
    part, used = [0], widths[0] + _PADDING
    for i in range(1, len(header)):
        if len(part) > 1 and used + widths[i] > width:
            yield _rich(table, header, part)
            part, used = [0], widths[0] + _PADDING
        part.append(i)
        used += widths[i]
    yield _rich(table, header, part)


def _rich(table: Table, header: Sequence[str], columns: Sequence[int]) -> RichTable:
    shown = RichTable(title=escape(table.title), box=box.SIMPLE_HEAD, title_justify="left")
    for i in columns:
        shown.add_column(escape(header[i]), justify="left" if i == 0 else "right", no_wrap=True)
    for cells, dim in zip(table.rows, table.dimmed, strict=True):
        # Names such as "hypogen [num_blocks=8]" would be read as markup.
        shown.add_row(*(escape(cells[i]) for i in columns), style="dim" if dim else None)
    return shown
