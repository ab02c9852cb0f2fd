"""What a person sees while runs are going on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from hyperbench.events import Event
from hyperbench.run import Run
from hyperbench.view.console import is_watched, print_line
from hyperbench.view.tally import Tally


class _TimeLeft(TimeRemainingColumn):
    """The time that a run has left; for all of them together the tally knows better."""

    def render(self, task: Task) -> Text:
        return Text("") if task.fields.get("counted") else super().render(task)


class _Bars(Progress):
    """Bars, and below them what the tally says, however wide they are."""

    tally: Tally | None = None

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.tally is not None:
            yield Text(str(self.tally))


class LiveProgress:
    """One bar for each run that is going on, and one for several together; an ``events.Notify``.

    Args:
        labels: per run key what the run is called.
        console: where to draw; usually standard error.
        tally: counts them.
    """

    def __init__(self, labels: Mapping[str, str], console: Console, tally: Tally) -> None:
        self._labels = labels
        self._bars: dict[str, TaskID] = {}
        self._tally = tally
        self._lock = threading.Lock()
        self._progress = _Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            _TimeLeft(compact=True),
            TextColumn("{task.fields[loss]}"),
            console=console,
        )
        if len(labels) > 1:
            self._progress.tally = tally
        self._total = self._progress.add_task(
            "[bold]all runs", total=len(labels), visible=len(labels) > 1, loss="", counted=True
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
        self._progress.update(self._total, completed=self._tally.num_ended)
        if event.status != "running":
            if event.run in self._bars:
                self._progress.remove_task(self._bars.pop(event.run))
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
    """Lines, for logs: one at each stage of a run, and one every few seconds of a fit.

    Every now and then a line says what is going on, also when nothing is heard of it.

    Args:
        labels: per run key what the run is called.
        console: where to write; usually standard error.
        tally: counts them.
        every_seconds: between two lines on one stage of a run.
        tell_seconds: between two lines on everything.
        clock: in seconds.
    """

    def __init__(
        self,
        labels: Mapping[str, str],
        console: Console,
        tally: Tally,
        every_seconds: float = 10,
        tell_seconds: float = 30,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._labels = labels
        self._console = console
        self._every_seconds = every_seconds
        self._tell_seconds = tell_seconds
        self._clock = clock
        self._told: dict[str, tuple[str, float]] = {}
        self._tally = tally
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._teller = threading.Thread(target=self._keep_telling, daemon=True)

    def __enter__(self) -> PlainProgress:
        self._teller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._teller.join()

    def __call__(self, event: Event) -> None:
        now = self._clock()
        with self._lock:
            underway = self._tally.hear(event)
            stage = event.stage if event.status == "running" else event.status
            known, told = self._told.get(event.run, ("", now))
            if stage == known and now - told < self._every_seconds:
                return
            self._told[event.run] = (stage, now)
            line = f"{self._labels.get(event.run, event.run)}: {stage}"
            if event.status != "running":
                if event.run in self._labels:
                    line = f"[{self._tally.num_ended}/{len(self._labels)}] {line}"
                if event.message:
                    line += f": {event.message}"
                if len(self._labels) > self._tally.num_ended:
                    line += f"  ({self._tally})"
            else:
                if event.step and event.num_steps:
                    line += f" {event.step}/{event.num_steps}"
                    if underway is not None and underway.seconds_left is not None:
                        line += f", {underway.seconds_left:.0f} s left"
                if event.loss is not None:
                    line += f", loss {event.loss:.4f}"
            print_line(line, self._console)

    def tell(self) -> None:
        """Say what is going on and how far everything is."""
        with self._lock:
            running = self._tally.running() or "nothing"
            print_line(f"running: {running}  ({self._tally})", self._console)

    def _keep_telling(self) -> None:
        while not self._over.wait(self._tell_seconds):
            self.tell()


def progress_display(
    labels: Mapping[str, str],
    console: Console,
    runs: Mapping[str, Run] | None = None,
    families: Collection[str] = (),
) -> LiveProgress | PlainProgress:
    """Bars on a terminal, lines anywhere else; arguments as of ``Tally``."""
    tally = Tally(labels, runs, families)
    if is_watched(console):
        return LiveProgress(labels, console, tally)
    return PlainProgress(labels, console, tally)
