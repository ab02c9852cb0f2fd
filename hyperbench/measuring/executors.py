"""Executors: they map ``conductor.execute`` over a plan; the same function, the same result."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from hyperbench.measuring import conductor
from hyperbench.measuring.conductor import Notify, Places
from hyperbench.records.record import RunRecord
from hyperbench.registry import Registry, installed
from hyperbench.run import Run

_LAST_REPORT_SECONDS = 5.0
_queue: Any = None
"""In a worker: where its progress goes."""


def run_here(
    runs: Sequence[Run], registry: Registry, places: Places, *, num_threads: int, notify: Notify
) -> Iterator[RunRecord]:
    """Execute one run after the other in this process."""
    for run in runs:
        yield conductor.execute(run, registry, places, num_threads=num_threads, notify=notify)


def run_in_processes(
    runs: Sequence[Run], places: Places, *, num_jobs: int, num_threads: int, notify: Notify
) -> Iterator[RunRecord]:
    """Execute runs in ``num_jobs`` processes; yields records as they are finished.

    Args:
        runs: the plan.
        places: where demonstrations are and records go.
        num_jobs: processes.
        num_threads: physics threads of each.
        notify: called in this process, from another thread.
    """
    # Spawned, because a fork of a process that has started threads may never return.
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    drain = threading.Thread(target=_drain, args=(queue, notify), daemon=True)
    drain.start()
    pool = ProcessPoolExecutor(
        num_jobs, mp_context=context, initializer=_start_worker, initargs=(queue,)
    )
    try:
        futures = {pool.submit(_execute_in_worker, run, places, num_threads): run for run in runs}
        for future in as_completed(futures):
            try:
                yield future.result()
            except BrokenProcessPool:
                yield conductor.record_lost(futures[future], installed(), places)
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


def _execute_in_worker(run: Run, places: Places, num_threads: int) -> RunRecord:
    def notify(
        key: str, stage: str, step: int = 0, num_steps: int = 0, loss: float | None = None
    ) -> None:
        _queue.put((key, stage, step, num_steps, loss))

    return conductor.execute(run, installed(), places, num_threads=num_threads, notify=notify)


def _drain(queue: Any, notify: Notify) -> None:
    while (event := queue.get()) is not None:
        notify(*event)
