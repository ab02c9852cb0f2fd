"""Slurm: items go to jobs of a cluster, through ``submitit``; all that is shared is a file system.

A job carries out its items one after the other, each in a process of its own, as the executor
``local`` does, and tells what becomes of them in a file beside its logs.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import cloudpickle
from pydantic import Field

from hyperbench.errors import HyperbenchError, one_line
from hyperbench.events import Notify
from hyperbench.executors import ExecutorConfig, Item, Outcome, Result, Site
from hyperbench.executors.local import Processes
from hyperbench.executors.stream import Reader, Writer
from hyperbench.threads import num_cores

_LOOK_SECONDS = 0.5
_MOST_FAILED_STARTS = 3
_FOLDER = ".slurm"
"""Below the folder of all runs: what goes into jobs, and comes out."""


class SlurmConfig(ExecutorConfig):
    """What is asked of Slurm for each job."""

    partition: str | None = None
    """Where jobs wait; the cluster's own choice if not given."""
    account: str | None = None
    """Who is billed."""
    time: int = Field(240, ge=1)
    """Minutes that a job may take."""
    cpus: int = Field(1, ge=1)
    """Cores of a job; what the linear algebra of a fit does not use, physics does."""
    gpus: int = Field(0, ge=0)
    """GPUs of a job."""
    memory: float = Field(4.0, gt=0)
    """Memory of a job, in GB."""
    array: int = Field(0, ge=0)
    """Jobs at a time; 0 leaves it to ``--jobs``, and where that is 0 to the cluster."""
    runs_per_job: int = Field(1, ge=1)
    """Items of a job, one after the other. Short ones wait in the queue for longer than they last,
    and clusters limit how many jobs there may be."""
    setup: tuple[str, ...] = ()
    """Shell commands before a job begins, such as ``module load cuda``."""
    options: dict[str, str | int | bool] = Field(default_factory=dict)
    """Further options of ``sbatch``, without their dashes."""
    cluster: Literal["slurm", "local"] = "slurm"
    """``local`` starts jobs as processes of this machine: to try settings out."""


class Slurm:
    """Does as many at a time as the cluster lets it.

    Args:
        num_jobs: jobs at a time; 0 for as many as there are.
        config: what is asked of Slurm.
    """

    Config: ClassVar[type[ExecutorConfig]] = SlurmConfig

    def __init__(self, num_jobs: int, config: SlurmConfig | None = None) -> None:
        self._config = config or SlurmConfig()
        self._at_once = self._config.array or num_jobs

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def num_threads(self, num_items: int) -> int:  # noqa: ARG002 - a job has its own cores
        return self._config.cpus

    def map(
        self,
        function: Callable[[Item, Site, Notify], Result],
        items: Sequence[Item],
        site: Site,
        notify: Notify,
    ) -> Iterator[Outcome[Item, Result]]:
        """Map as ``Executor.map``.

        Raises:
            HyperbenchError: nothing can be submitted, or jobs end before they begin.
        """
        folder = site.runs / _FOLDER
        submit = self._submitter(folder)
        waiting = deque(items)
        jobs: list[_Job] = []
        num_failed_starts = 0
        try:
            while waiting or jobs:
                batches = self._batches(waiting, len(jobs))
                if batches:
                    jobs += submit(function, batches, site)
                time.sleep(_LOOK_SECONDS)
                for job in tuple(jobs):
                    ended = job.has_ended  # asked first, so that its last words are heard
                    yield from job.heard(notify)
                    if not ended:
                        continue
                    jobs.remove(job)
                    num_failed_starts = 0 if job.has_begun else num_failed_starts + 1
                    if num_failed_starts >= _MOST_FAILED_STARTS:
                        raise HyperbenchError(
                            f"Slurm jobs end before they begin: {job.end}. What they wrote is in "
                            f"{folder}."
                        )
                    if (lost := job.take()) is not None:
                        yield Outcome(lost, None, job.end)
                    waiting.extendleft(reversed(job.rest))
        finally:
            for job in jobs:
                job.cancel()

    def _batches(self, waiting: deque[Any], num_jobs: int) -> list[list[Any]]:
        """Take items for as many jobs as may be begun."""
        at_once = self._at_once
        if self._config.cluster == "local":
            at_once = at_once or num_cores()
        elif num_jobs:
            return []  # Slurm itself holds back what an array has too many of
        else:
            at_once = len(waiting)
        size = self._config.runs_per_job
        batches: list[list[Any]] = []
        while waiting and num_jobs + len(batches) < at_once:
            batches.append([waiting.popleft() for _ in range(min(size, len(waiting)))])
        return batches

    def _submitter(self, folder: Path) -> Callable[..., list[_Job]]:
        """What submits batches of items, as one array of jobs."""
        import submitit

        config = self._config
        try:
            executor = submitit.AutoExecutor(folder, cluster=config.cluster)
        except RuntimeError as error:
            raise HyperbenchError(
                f"Slurm cannot be used from here: {one_line(error)}. Start this where `sbatch` is "
                "known, or say `cluster: local` in the file of --executor-config to try it out."
            ) from error
        executor.update_parameters(
            name="hyperbench",
            timeout_min=config.time,
            cpus_per_task=config.cpus,
            gpus_per_node=config.gpus,
            mem_gb=config.memory,
            slurm_array_parallelism=self._at_once or 256,
            slurm_partition=config.partition,
            slurm_account=config.account,
            slurm_setup=list(config.setup),
            slurm_additional_parameters=dict(config.options),
        )
        num_submitted = 0

        def submit(
            function: Callable[..., Any], batches: Sequence[list[Any]], site: Site
        ) -> list[_Job]:
            nonlocal num_submitted
            paths = []
            for _ in batches:
                num_submitted += 1
                paths.append(folder / f"{time.time_ns():x}-{num_submitted}.stream")
            packed = [cloudpickle.dumps((function, batch, site)) for batch in batches]
            try:
                found = executor.map_array(_Carry(), packed, paths)
            except Exception as error:  # each way in which Slurm refuses has its own
                raise HyperbenchError(f"Nothing can be submitted: {one_line(error)}") from error
            return [
                _Job(job, batch, path)
                for job, batch, path in zip(found, batches, paths, strict=True)
            ]

        return submit


class _Job:
    """One job, as the process that keeps the books sees it.

    Args:
        job: of ``submitit``.
        items: what it carries out, in this order.
        path: of the file in which it tells.
    """

    def __init__(self, job: Any, items: list[Any], path: Path) -> None:
        self._job = job
        self._path = path
        self._stream = Reader(path)
        self._current: list[Any] = []
        self.rest = deque(items)
        """What it has not begun."""
        self.has_begun = False

    @property
    def has_ended(self) -> bool:
        """Whether it is over, however it ended."""
        return bool(self._job.done())

    @property
    def end(self) -> str:
        """How it ended, for a record."""
        state = str(self._job.state).lower()
        return f"its job {self._job.job_id} ended first, {state}; its log is in {_FOLDER}"

    def heard(self, notify: Notify) -> Iterator[Outcome[Any, Any]]:
        """What it has told since the last time."""
        for said, content in self._stream.told():
            match said:
                case "begun":
                    self.has_begun = True
                    # A job that was preempted begins anew, with what it was at.
                    if not self._current:
                        self._current.append(self.rest.popleft())
                case "event":
                    with suppress(Exception):
                        notify(content)
                case "error":
                    raise content
                case "result":
                    yield Outcome(self._current.pop(), *content)

    def take(self) -> Any:
        """Take back what it was at when it ended; None if there is nothing."""
        self._path.unlink(missing_ok=True)
        return self._current.pop() if self._current else None

    def cancel(self) -> None:
        """End it."""
        with suppress(Exception):  # it may have ended, or Slurm be away
            self._job.cancel()
        self._path.unlink(missing_ok=True)


class _Carry:
    """What a job does; Slurm may begin it anew on another machine, with ``checkpoint``."""

    def __init__(self) -> None:
        self._num_done = 0

    def __call__(self, packed: bytes, path: Path) -> None:
        function, items, site = cloudpickle.loads(packed)
        stream = Writer(path)
        threading.Thread(target=_end_without, args=(path,), daemon=True).start()
        with Processes(1) as processes:
            for item in items[self._num_done :]:
                stream.tell(("begun", None))
                try:
                    [outcome] = processes.map(
                        function, [item], site, lambda event: stream.tell(("event", event))
                    )
                except Exception as error:  # told as it would be by a process of this machine
                    stream.tell(("error", error))
                    return
                stream.tell(("result", (outcome.result, outcome.lost)))
                self._num_done += 1

    def checkpoint(self, *arguments: Any) -> Any:
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, *arguments)


def _end_without(path: Path) -> None:
    """End this process once nobody listens any more, also where no cancelling reaches it."""
    while path.exists():
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
