"""Worker processes of this machine: one that dies or is late costs the one item that it held.

Why not a pool of a library: docs/decisions/007-workers-of-our-own.md.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
import types
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from typing import Any, Self

import cloudpickle

from hyperbench.errors import HyperbenchError
from hyperbench.events import Notify
from hyperbench.executors import Item, Outcome, Result, Site
from hyperbench.executors.worker import serve

# Spawned, because a fork of a process that has started threads may never return.
_CONTEXT = multiprocessing.get_context("spawn")
_LOOK_SECONDS = 0.2
"""How often it is looked whether a worker has ended: what it started may keep its connection."""
_LAST_SECONDS = 2.0
"""How long a worker that is not needed any more may take to end."""
_MOST_FAILED_STARTS = 3


class Processes:
    """Does several at a time, in processes of this machine.

    Used in a ``with`` statement, its processes serve all that is mapped within.

    Args:
        num_jobs: processes.
    """

    def __init__(self, num_jobs: int) -> None:
        self._num_jobs = num_jobs
        self._workers: list[_Worker] = []
        self._num_failed_starts = 0
        self._stays = False

    def __enter__(self) -> Self:
        self._stays = True
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._stays = False
        self._close(_LAST_SECONDS if error is None else 0.0)

    def map(
        self,
        function: Callable[[Item, Site, Notify], Result],
        items: Sequence[Item],
        site: Site,
        notify: Notify,
    ) -> Iterator[Outcome[Item, Result]]:
        """Map as ``Executor.map``.

        Raises:
            HyperbenchError: no worker can be started.
        """
        waiting = deque(items)
        try:
            while waiting or any(worker.is_busy for worker in self._workers):
                self._hire(len(waiting))
                for worker in self._workers:
                    if waiting and worker.is_free:
                        worker.give(function, waiting.popleft(), site)
                # A timeout is looked for as often as an end.
                wait([worker.connection for worker in self._workers], _LOOK_SECONDS)
                for worker in tuple(self._workers):
                    yield from self._heard(worker, waiting, site.timeout, notify)
        finally:
            # What is half done will be done again; waiting for it could take an hour.
            for worker in tuple(self._workers):
                if worker.is_busy:
                    self._dismiss(worker)
            if not self._stays:
                self._close(_LAST_SECONDS)

    def _hire(self, num_waiting: int) -> None:
        num_busy = sum(worker.is_busy for worker in self._workers)
        while len(self._workers) < min(self._num_jobs, num_busy + num_waiting):
            # Known before it is started, so that it is ended whenever an interrupt comes.
            self._workers.append(worker := _Worker())
            try:
                worker.start()
            except OSError as error:
                raise HyperbenchError(
                    f"A worker process cannot be started: {error.strerror or error}. "
                    "Try fewer with --jobs."
                ) from error

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.kill()

    def _close(self, seconds: float) -> None:
        for worker in self._workers:
            worker.connection.close()
        until = time.monotonic() + seconds
        while self._workers:
            self._workers[-1].wait(until - time.monotonic())
            self._workers.pop().kill()

    def _heard(
        self, worker: _Worker, waiting: deque[Item], timeout: float | None, notify: Notify
    ) -> Iterator[Outcome[Item, Any]]:
        """What a worker has told since, and what its end or its lateness makes of its item."""
        ended = worker.has_exited  # asked first, so that its last words are heard
        for said, content in worker.told():
            match said:
                case "ready":
                    worker.is_ready = True
                case "begun":
                    worker.begun, self._num_failed_starts = time.monotonic(), 0
                case "event":
                    # What watches may fail, and the next event is told all the same.
                    with suppress(Exception):
                        notify(content)
                case "error":
                    raise content
                case "result":
                    yield Outcome(worker.take(), content)
        late = timeout is not None and worker.seconds > timeout
        if not (late or ended or worker.has_hung_up):
            return
        self._dismiss(worker)
        if worker.begun is None:
            # Nothing that has not begun is lost.
            if worker.is_busy:
                waiting.appendleft(worker.take())
            self._num_failed_starts += 1
            if self._num_failed_starts >= _MOST_FAILED_STARTS:
                raise HyperbenchError(
                    f"Worker processes end before they begin: {worker.end}. "
                    f"Nothing was begun that is not finished. Python: {sys.executable}"
                )
        elif late:
            yield Outcome(worker.take(), None, f"stopped: it took longer than {timeout:g} s")
        else:
            yield Outcome(worker.take(), None, worker.end)


class _Worker:
    """One worker process, as the process that keeps the books sees it."""

    def __init__(self) -> None:
        self.connection, self._theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=serve, args=(self._theirs,), name="worker")
        self._items: list[Any] = []
        self.has_hung_up = False
        """Whether its end of the connection is closed, and all that it told is read."""
        self.is_ready = False
        """Whether it has told that it can be given an item."""
        self.begun: float | None = None
        """When it began what it holds, in seconds of ``time.monotonic``; None before."""

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
        """How long it has been at its item."""
        return 0.0 if self.begun is None else time.monotonic() - self.begun

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
        with _no_main_module():
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
        self.begun = None
        return self._items.pop()

    def told(self) -> Iterator[tuple[str, Any]]:
        """What it has told since the last time."""
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (EOFError, OSError):
            self.has_hung_up = True
            self.wait(_LAST_SECONDS)

    def wait(self, seconds: float) -> None:
        """Wait for its end."""
        if self._process.pid is not None:
            self._process.join(max(0.0, seconds))

    def kill(self) -> None:
        """End it and all that it started."""
        self.connection.close()
        if self._process.pid is None:  # it could not be started
            return
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.join()


@contextmanager
def _no_main_module() -> Iterator[None]:
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
