"""Events: what is told while work is going on, and to whom."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TextIO

Status = Literal["running", "ok", "failed"]
DEMONSTRATING = "demonstrations"
WAITING = "waiting for demonstrations"
FOR_OTHERS = (DEMONSTRATING, WAITING)
"""Stages of a run that are for all runs of its family: a run's own time does not count them."""
ELSEWHERE = "waiting for another command"
"""Stage of a run that another command is at, or has ended."""


@dataclass(frozen=True)
class Event:
    """How far a piece of work is; made by ``emit`` alone, read by whoever watches.

    Args:
        run: key of the run, or the name of whatever else is being done.
        stage: what is being done, such as ``fitting``.
        step: how many steps of the stage are done; 0 where nothing is counted.
        num_steps: how many there are; 0 where that is not known.
        loss: training loss.
        status: whether the work goes on, or how it ended.
        message: what else there is to say, in one line; of work that goes on, a person is told at
            once.
        time: of the event, in seconds since 1970, UTC.
    """

    run: str
    stage: str
    step: int = 0
    num_steps: int = 0
    loss: float | None = None
    status: Status = "running"
    message: str = ""
    time: float = field(default_factory=time.time)


Notify = Callable[[Event], None]
"""Somebody who watches; called in whichever process works."""


def ignore(event: Event) -> None:
    """Watch nothing."""


def emit(
    notify: Notify,
    run: str,
    stage: str,
    step: int = 0,
    num_steps: int = 0,
    loss: float | None = None,
    *,
    status: Status = "running",
    message: str = "",
) -> None:
    """Tell whoever watches; arguments as of ``Event``.

    What watches may fail, as a terminal that was closed does: the work goes on.
    """
    event = Event(run, stage, step, num_steps, loss, status, message)
    with suppress(Exception):
        notify(event)


class Listeners:
    """Several that watch as one; one that fails is left out from then on.

    Args:
        listeners: told in this order; what is called with an event, unless ``each`` alone is used.
    """

    def __init__(self, *listeners: Any) -> None:
        self._listeners = list(listeners)
        self.failures: list[str] = []
        """One line for each that failed."""

    def __call__(self, event: Event) -> None:
        self.each(lambda listener: listener(event))

    def each(self, tell: Callable[[Any], None]) -> None:
        """Tell each in turn."""
        for listener in tuple(self._listeners):
            try:
                tell(listener)
            except Exception as error:  # whatever a stranger's code raises
                self._listeners.remove(listener)
                name = getattr(listener, "__qualname__", type(listener).__qualname__)
                self.failures.append(f"{name} watches no longer: {type(error).__name__}: {error}")


class LenientStream:
    """A text stream that falls silent when it cannot be written, as on a full disk.

    What is told while work is going on is nobody's result: a log that is full, or a terminal that
    was closed, must not end the work.

    Args:
        find: gives the stream, asked anew each time; it may be None, as ``sys.stderr`` may be.
    """

    def __init__(self, find: Callable[[], TextIO | None]) -> None:
        self._find = find

    def write(self, text: str) -> int:
        """Write, or drop what cannot be written; gives the text's length."""
        stream = self._find()
        if stream is not None:
            try:
                stream.write(text)
            except (OSError, ValueError):
                silence(stream)
        return len(text)

    def flush(self) -> None:
        """Flush, or drop what cannot be written."""
        stream = self._find()
        if stream is not None:
            try:
                stream.flush()
            except (OSError, ValueError):
                silence(stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)


def silence(stream: TextIO) -> None:
    """Send to nowhere what a stream that cannot be written still holds.

    Python would try to write it when it ends, and end with another status.
    """
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
