"""Executors: they map a function over runs, trials or families, wherever there is room."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import cloudpickle

from hyperbench.events import Notify

_LAST_REPORT_SECONDS = 5.0
_queue: Any = None
"""Where a worker's events go."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Site:
    """Where and with what work is done; the same for all that is mapped.

    Args:
        runs: folder of all runs.
        data: root of all demonstrations.
        num_threads: physics threads of each worker. Everything else runs on one thread, so that
            results do not depend on how many runs share the machine.
        plugins: files of plugins that are not installed, which a worker must load as well.
    """

    runs: Path
    data: Path
    num_threads: int = 1
    plugins: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """What became of one item.

    Args:
        item: what the function was called with.
        result: what it gave; None if its worker was lost.
        lost: why there is no result; None if there is one.
    """

    item: Item
    result: Result | None
    lost: str | None = None


class Executor(Protocol):
    """Maps a function over items; which executor it is changes no result."""

    def map(
        self,
        function: Callable[[Item, Site, Notify], Result],
        items: Sequence[Item],
        site: Site,
        notify: Notify,
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(item, site, notify)`` for each item.

        Args:
            function: with the items it may travel to other processes, by ``cloudpickle``.
            items: in the order in which they are begun.
            site: handed on to the function.
            notify: told all events, in this process, perhaps from another thread.

        Returns:
            Outcomes as they come, each item's once. An exception of the function is raised.
        """


class Here:
    """Does one after the other in this process."""

    def map(
        self,
        function: Callable[[Item, Site, Notify], Result],
        items: Sequence[Item],
        site: Site,
        notify: Notify,
    ) -> Iterator[Outcome[Item, Result]]:
        """Map as ``Executor.map``."""
        for item in items:
            yield Outcome(item, function(item, site, notify))


class Processes:
    """Does several at a time, in processes of this machine.

    Args:
        num_jobs: processes.
    """

    def __init__(self, num_jobs: int) -> None:
        self._num_jobs = num_jobs

    def map(
        self,
        function: Callable[[Item, Site, Notify], Result],
        items: Sequence[Item],
        site: Site,
        notify: Notify,
    ) -> Iterator[Outcome[Item, Result]]:
        """Map as ``Executor.map``."""
        # Spawned, because a fork of a process that has started threads may never return.
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        drain = threading.Thread(target=_drain, args=(queue, notify), daemon=True)
        drain.start()
        pool = ProcessPoolExecutor(
            self._num_jobs, mp_context=context, initializer=_start_worker, initargs=(queue,)
        )
        try:
            futures = {
                pool.submit(_call, cloudpickle.dumps((function, item, site))): item
                for item in items
            }
            for future in as_completed(futures):
                try:
                    yield Outcome(futures[future], future.result())
                except BrokenProcessPool:
                    yield Outcome(futures[future], None, lost="the worker process died")
        except BaseException:
            # What is half done will be done again; waiting for it could take an hour.
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            queue.put(None)
            # A worker that died while it reported holds the queue's lock for ever.
            drain.join(timeout=_LAST_REPORT_SECONDS)
            queue.cancel_join_thread()
            queue.close()


def _start_worker(queue: Any) -> None:
    global _queue
    _queue = queue
    # Ctrl-C reaches every process of a terminal; the parent alone answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _call(packed: bytes) -> Any:
    function, item, site = cloudpickle.loads(packed)
    return function(item, site, _queue.put)


def _drain(queue: Any, notify: Notify) -> None:
    while (event := queue.get()) is not None:
        # What watches may fail, and the next event is told all the same.
        with suppress(Exception):
            notify(event)
