"""What a person sees while runs are going on."""

from __future__ import annotations

import threading
import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

_ENDED = ("ok", "failed")


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


def progress_display(labels: dict[str, str], console: Console) -> LiveProgress | PlainProgress:
    """Bars on a terminal, lines anywhere else."""
    return LiveProgress(labels, console) if console.is_terminal else PlainProgress(labels, console)
