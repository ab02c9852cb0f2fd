"""What a person sees while runs are going on."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hyperbench.events import Event
from hyperbench.view.console import is_watched, print_line


class _Tally:
    """How many runs are done, failed, going on and waiting, and when all may be done.

    Args:
        num_runs: in all.
    """

    def __init__(self, num_runs: int) -> None:
        self._num_runs = num_runs
        self._running: set[str] = set()
        self._num_failed = 0
        self._started = time.monotonic()
        self.num_ended = 0

    def hear(self, event: Event) -> None:
        """Count what an event says."""
        if event.status == "running":
            self._running.add(event.run)
            return
        self._running.discard(event.run)
        self.num_ended += 1
        self._num_failed += event.status == "failed"

    def __str__(self) -> str:
        left = self._num_runs - self.num_ended
        counts = {
            "done": self.num_ended - self._num_failed,
            "failed": self._num_failed,
            "running": len(self._running),
            "waiting": left - len(self._running),
        }
        said = [f"{number} {what}" for what, number in counts.items() if number > 0]
        if self.num_ended and left > 0:
            seconds = (time.monotonic() - self._started) / self.num_ended * left
            said.append(f"about {_time(seconds)} left")
        return ", ".join(said)


def _time(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class LiveProgress:
    """One bar for each run that is going on, and one for several together; an ``events.Notify``.

    Args:
        labels: per run key what the run is called.
        console: where to draw; usually standard error.
    """

    def __init__(self, labels: dict[str, str], console: Console) -> None:
        self._labels = labels
        self._bars: dict[str, TaskID] = {}
        self._tally = _Tally(len(labels))
        self._lock = threading.Lock()
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
        with self._lock:
            self._hear(event)

    def _hear(self, event: Event) -> None:
        label = self._labels.get(event.run, event.run)
        self._tally.hear(event)
        self._progress.update(self._total, description=f"[bold]{self._tally}")
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
        self._tally = _Tally(len(labels))
        self._lock = threading.Lock()

    def __enter__(self) -> PlainProgress:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: Event) -> None:
        now = time.monotonic()
        with self._lock:
            self._tally.hear(event)
            stage = event.stage if event.status == "running" else event.status
            known, started, told = self._stages.get(event.run, ("", now, now))
            if stage != known:
                started = told = now
            elif now - told < self._every_seconds:
                return
            self._stages[event.run] = (stage, started, now)
            label = self._labels.get(event.run, event.run)
            if event.status != "running":
                line = f"[{self._tally.num_ended}/{len(self._labels)}] {label}: {stage}"
                if event.message:
                    line += f": {event.message}"
                if len(self._labels) > self._tally.num_ended:
                    line += f"  ({self._tally})"
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
