"""Worker processes of this machine: one that dies or is late costs the one item that it held.

Why not a pool of a library: docs/decisions/007-workers-of-our-own.md.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any, ClassVar, Self

from pydantic import field_validator

from hyperbench.errors import HyperbenchError
from hyperbench.events import Notify
from hyperbench.executors import ExecutorConfig, Item, Outcome, Result, Site
from hyperbench.executors.process import Worker
from hyperbench.threads import num_cores

_LOOK_SECONDS = 0.2
"""How often it is looked whether a worker has ended: what it started may keep its connection."""
_LAST_SECONDS = 2.0
"""How long a worker that is not needed any more may take to end."""
_MOST_FAILED_STARTS = 3


class LocalConfig(ExecutorConfig):
    """Settings of the workers of this machine."""

    gpus: tuple[str, ...] = ()
    """GPUs that are shared out among the workers, as ``CUDA_VISIBLE_DEVICES`` names them: each
    worker sees one of them. Empty: all workers see all."""

    @field_validator("gpus", mode="before")
    @classmethod
    def _in_one_word(cls, said: object) -> object:
        """As on the command line: ``0,1``."""
        if isinstance(said, str | int):
            said = [name.strip() for name in str(said).split(",")]
        if not isinstance(said, list | tuple):
            return said
        names = tuple(map(str, said))
        if not all(names):
            raise ValueError(f"a GPU without a name in {','.join(names)!r}")
        return names


class Processes:
    """Does several at a time, in processes of this machine.

    Used in a ``with`` statement, its processes serve all that is mapped within.

    Args:
        num_jobs: processes; 0 for as many as there are cores.
        config: which GPU each of them sees.
    """

    Config: ClassVar[type[ExecutorConfig]] = LocalConfig

    def __init__(self, num_jobs: int, config: LocalConfig | None = None) -> None:
        self._num_jobs = num_jobs or num_cores()
        self._gpus = (config or LocalConfig()).gpus
        self._workers: list[Worker] = []
        self._num_failed_starts = 0
        self._stays = False

    def __enter__(self) -> Self:
        self._stays = True
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self._stays = False
        self._close(_LAST_SECONDS if error is None else 0.0)

    def num_threads(self, num_items: int) -> int:
        return max(1, num_cores() // max(1, min(self._num_jobs, num_items)))

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

    def abort(self) -> None:
        """End what is being carried out, from another thread; it counts as lost."""
        for worker in tuple(self._workers):
            worker.end_group()

    def _hire(self, num_waiting: int) -> None:
        num_busy = sum(worker.is_busy for worker in self._workers)
        while len(self._workers) < min(self._num_jobs, num_busy + num_waiting):
            # Known before it is started, so that it is ended whenever an interrupt comes.
            self._workers.append(worker := Worker(self._rarest_gpu()))
            try:
                worker.start()
            except OSError as error:
                raise HyperbenchError(
                    f"A worker process cannot be started: {error.strerror or error}. "
                    "Try fewer with --jobs."
                ) from error

    def _rarest_gpu(self) -> str | None:
        """The GPU that the fewest workers see; None if they are not shared out."""
        taken = [worker.gpu for worker in self._workers]
        return min(self._gpus, key=taken.count, default=None)

    def _dismiss(self, worker: Worker) -> None:
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
        self, worker: Worker, waiting: deque[Item], timeout: float | None, notify: Notify
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
                    worker.heed(content)
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
