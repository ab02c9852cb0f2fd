"""Dask: items go to the workers of a cluster, wherever these are.

On each machine an item is carried out by a process of its own, as by the executor ``local``: one
that dies or is late costs itself alone, not the Dask worker.
"""

from __future__ import annotations

import logging
import multiprocessing
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from typing import Any, ClassVar, Self

import cloudpickle

from hyperbench.errors import HyperbenchError, one_line
from hyperbench.events import Event, Notify
from hyperbench.executors import ExecutorConfig, Item, Outcome, Result, Site
from hyperbench.executors.local import Processes
from hyperbench.executors.process import no_main_module
from hyperbench.threads import num_cores

_SECONDS_TO_CONNECT = 10


class DaskConfig(ExecutorConfig):
    """Settings of a Dask cluster."""

    scheduler: str | None = None
    """Address of a scheduler that is running, such as ``tcp://10.0.0.1:8786``; without one, workers
    are started on this machine."""


class Dask:
    """Does as many at a time as the cluster has threads.

    Args:
        num_jobs: workers that are started on this machine; 0 for as many as there are cores. A
            cluster that is running has its own.
        config: where it is.
    """

    Config: ClassVar[type[ExecutorConfig]] = DaskConfig

    def __init__(self, num_jobs: int, config: DaskConfig | None = None) -> None:
        self._num_jobs = num_jobs or num_cores()
        self._scheduler = (config or DaskConfig()).scheduler
        self._client: Any = None
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        import dask
        from distributed import Client, LocalCluster

        with ExitStack() as opened:
            place = self._scheduler
            if place is None:
                with no_main_module(), dask.config.set({"distributed.worker.daemon": False}):
                    place = opened.enter_context(
                        LocalCluster(
                            n_workers=self._num_jobs,
                            threads_per_worker=1,
                            memory_limit=0,  # would count the Dask worker, not what it starts
                            dashboard_address=None,
                            silence_logs=logging.CRITICAL,
                        )
                    )
            try:
                self._client = opened.enter_context(Client(place, timeout=_SECONDS_TO_CONNECT))
            except (OSError, ValueError) as error:  # a timeout is an OSError, too
                raise HyperbenchError(
                    f"There is no Dask scheduler at {place}: {one_line(error)}. "
                    "Start one with `dask scheduler`, or leave out --scheduler."
                ) from error
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        if self._scheduler is None and error[0] is not None:
            # They would be asked to end, and asked again.
            for worker in multiprocessing.active_children():
                worker.kill()
        self._opened.__exit__(*error)

    def num_threads(self, num_items: int) -> int:
        if self._scheduler is not None:
            return 1
        return Processes(self._num_jobs).num_threads(num_items)

    def map(
        self,
        function: Callable[[Item, Site, Notify], Result],
        items: Sequence[Item],
        site: Site,
        notify: Notify,
    ) -> Iterator[Outcome[Item, Result]]:
        """Map as ``Executor.map``.

        Raises:
            HyperbenchError: the scheduler is gone, or its workers know no hyperbench.
        """
        from distributed import as_completed

        topic = f"hyperbench-{secrets.token_hex(8)}"
        # Events are told as they come; how an item ended, with its outcome.
        self._client.subscribe_topic(topic, lambda told: notify(Event(**told[1]["event"])))
        waiting = {
            self._client.submit(
                _carry, cloudpickle.dumps((function, item, site)), topic, priority=-i, pure=False
            ): item
            for i, item in enumerate(items)
        }
        try:
            for future in as_completed(list(waiting)):
                item = waiting.pop(future)
                result, lost, ends = self._result(future)
                for event in ends:
                    notify(event)
                yield Outcome(item, result, lost)
        finally:
            if waiting:
                # What is half done will be done again; waiting for it could take an hour.
                with suppress(Exception):
                    self._client.cancel(list(waiting))
                    if self._scheduler is not None:  # others end with this process
                        self._client.run(_stop, topic)
            with suppress(Exception):
                self._client.unsubscribe_topic(topic)

    def _result(self, future: Any) -> tuple[Any, str | None, list[Event]]:
        from distributed import KilledWorker

        if future.status == "finished":
            told: tuple[Any, str | None, list[Event]] = future.result()
            return told
        if future.status != "error":
            raise HyperbenchError(
                f"The Dask scheduler at {self._scheduler or 'this machine'} is gone. Finished runs "
                "are kept; start it again, and the same command goes on."
            )
        error = future.exception()
        if isinstance(error, KilledWorker):
            return None, f"its Dask worker was lost again and again: {one_line(error)}", []
        if isinstance(error, ModuleNotFoundError):
            raise HyperbenchError(
                f"A Dask worker cannot import what is installed here: {one_line(error)}. Install "
                "the same packages where the workers run."
            ) from error
        raise error


_idle: list[Processes] = []
"""In a Dask worker: what carries out items, and has none."""
_serving: dict[str, list[Processes]] = {}
"""In a Dask worker: what carries out items, by the map that they belong to."""


def _carry(packed: bytes, topic: str) -> tuple[Any, str | None, list[Event]]:
    """Carry out one item in a Dask worker; its result, why there is none, and how it ended."""
    from distributed import get_worker

    function, item, site = cloudpickle.loads(packed)
    worker = get_worker()
    # A Dask worker's nanny may have made it one that must have no children; ours end with it.
    with suppress(AssertionError):
        multiprocessing.current_process().daemon = False
    ends: list[Event] = []

    def notify(event: Event) -> None:
        if event.status == "running":
            worker.log_event(topic, {"event": asdict(event)})
        else:
            ends.append(event)

    # Kept for the next item, for which nothing needs to be imported then.
    processes = _idle.pop() if _idle else Processes(1).__enter__()
    serving = _serving.setdefault(topic, [])
    serving.append(processes)
    try:
        [outcome] = processes.map(function, [item], site, notify)
    finally:
        serving.remove(processes)
        _idle.append(processes)
    return outcome.result, outcome.lost, ends


def _stop(topic: str) -> None:
    """End what a Dask worker carries out of a map that has ended."""
    for processes in _serving.get(topic, ()):
        processes.abort()
