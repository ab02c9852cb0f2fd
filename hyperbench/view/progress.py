"""What a person sees while runs are going on."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hyperbench.events import Event
from hyperbench.view.console import is_watched, print_line


class LiveProgress:
    """One bar for each run that is going on, and one for several together; an ``events.Notify``.

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

    def __call__(self, event: Event) -> None:
        label = self._labels.get(event.run, event.run)
        if event.status != "running":
            if event.run in self._bars:
                self._progress.remove_task(self._bars.pop(event.run))
            self._progress.advance(self._total)
            if event.status == "failed":
                why = escape(f"{label}: {event.message}")
                self._progress.console.print(f"[red]failed[/]  {why}", highlight=False)
            return
        if event.run not in self._bars:
            self._bars[event.run] = self._progress.add_task("", total=None, loss="")
        self._progress.update(
            self._bars[event.run],
            description=escape(f"{label}: {event.stage}"),
            completed=event.step,
            total=event.num_steps or None,
            loss="" if event.loss is None else f"loss {event.loss:.4f}",
        )


class PlainProgress:
    """Lines, for logs: one at each stage of a run, and one every few seconds of a fit."""

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

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        with self._lock:
            stage = event.stage if event.status == "running" else event.status
            known, started, told = self._stages.get(event.run, ("", now, now))
            if stage != known:
                started = told = now
            elif now - told < self._every_seconds:
                return
            self._stages[event.run] = (stage, started, now)
            label = self._labels.get(event.run, event.run)
            if event.status != "running":
                self._num_ended += 1
                line = f"[{self._num_ended}/{len(self._labels)}] {label}: {stage}"
                if event.message:
                    line += f": {event.message}"
            else:
                line = f"{label}: {stage}"
                if event.step and event.num_steps:
                    line += f" {event.step}/{event.num_steps}"
                    if now > started:
                        seconds_left = (now - started) / event.step * (event.num_steps - event.step)
                        line += f", {seconds_left:.0f} s left"
                if event.loss is not None:
                    line += f", loss {event.loss:.4f}"
            print_line(line, self._console)


def progress_display(labels: dict[str, str], console: Console) -> LiveProgress | PlainProgress:
    """Bars on a terminal, lines anywhere else."""
    return LiveProgress(labels, console) if is_watched(console) else PlainProgress(labels, console)
