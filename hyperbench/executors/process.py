"""A worker process, as the process that keeps the books sees it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import cloudpickle

from hyperbench.events import FOR_OTHERS, Event
from hyperbench.executors import Site
from hyperbench.executors.worker import serve

# Spawned, because a fork of a process that has started threads may never return.
_CONTEXT = multiprocessing.get_context("spawn")
_LAST_SECONDS = 2.0
"""How long one that has hung up may take to end."""
_GPUS = "CUDA_VISIBLE_DEVICES"


class Worker:
    """One worker process, to be started.

    Args:
        gpu: the only one that it sees; all if None.
    """

    def __init__(self, gpu: str | None = None) -> None:
        self.gpu = gpu
        self.connection, self._theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=serve, args=(self._theirs,), name="worker")
        self._items: list[Any] = []
        self.has_hung_up = False
        """Whether its end of the connection is closed, and all that it told is read."""
        self.is_ready = False
        """Whether it has told that it can be given an item."""
        self.begun: float | None = None
        """When it began what it holds, in seconds of ``time.monotonic``; None before."""
        self._for_others: float | None = None
        """Since when it is at what is for other items as well; None if it is not."""

    @property
    def is_busy(self) -> bool:
        """Whether it holds an item."""
        return bool(self._items)

    @property
    def is_free(self) -> bool:
        """Whether it may be given one."""
        return self.is_ready and not self._items

    @property
    def seconds(self) -> float:
        """How long it has been at what is for its item alone."""
        until = time.monotonic() if self._for_others is None else self._for_others
        return 0.0 if self.begun is None else until - self.begun

    @property
    def has_exited(self) -> bool:
        """Whether the process is gone; what it told may still be there to read."""
        return self._process.exitcode is not None

    @property
    def end(self) -> str:
        """How it ended, for a record."""
        status = self._process.exitcode
        if status is None or status >= 0:
            return f"its process ended by itself, with status {status}"
        name = signal.Signals(-status).name
        guess = ", out of memory?" if name == "SIGKILL" else ""
        return f"killed by signal {-status} ({name}){guess}"

    def start(self) -> None:
        """Start the process."""
        with no_main_module(), _sees(self.gpu):
            self._process.start()
        self._theirs.close()

    def give(self, function: Callable[..., Any], item: Any, site: Site) -> None:
        """Have an item carried out."""
        self._items.append(item)
        # One that has just ended is seen as any other that has.
        with suppress(OSError):
            self.connection.send_bytes(cloudpickle.dumps((function, item, site)))

    def take(self) -> Any:
        """Take back the item."""
        self.begun = self._for_others = None
        return self._items.pop()

    def told(self) -> Iterator[tuple[str, Any]]:
        """What it has told since the last time."""
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (EOFError, OSError):
            self.has_hung_up = True
            self.wait(_LAST_SECONDS)

    def heed(self, event: Event) -> None:
        """Let its time stand still while it is at what is for other items as well."""
        now = time.monotonic()
        if event.stage in FOR_OTHERS:
            self._for_others = self._for_others or now
        elif self._for_others is not None and self.begun is not None:
            self.begun += now - self._for_others
            self._for_others = None

    def wait(self, seconds: float) -> None:
        """Wait for its end."""
        if self._process.pid is not None:
            self._process.join(max(0.0, seconds))

    def kill(self) -> None:
        """End it and all that it started."""
        self.connection.close()
        if self._process.pid is None:  # it could not be started
            return
        self.end_group()
        self._process.kill()
        self._process.join()

    def end_group(self) -> None:
        """End its process and all that this started, as a signal from elsewhere would."""
        if self._process.pid is not None and hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


@contextmanager
def _sees(gpu: str | None) -> Iterator[None]:
    """Let a process that is started see one GPU alone; for it, that one is ``cuda``."""
    before = os.environ.get(_GPUS)
    if gpu is not None:
        os.environ[_GPUS] = gpu
    try:
        yield
    finally:
        if gpu is not None:
            os.environ.pop(_GPUS)
            if before is not None:
                os.environ[_GPUS] = before


@contextmanager
def no_main_module() -> Iterator[None]:
    """Hide the main module, which a spawned process would import.

    A worker needs none of it, and a script without a guard, or one from standard input, cannot be
    imported again.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
