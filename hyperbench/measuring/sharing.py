"""Sharing: several commands at one folder of runs carry out each run once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from hyperbench.errors import DataError, StorageError
from hyperbench.events import DEMONSTRATING, ELSEWHERE, Event, Notify, emit
from hyperbench.executors import Executor, Site
from hyperbench.measuring.conductor import execute, record_failure
from hyperbench.measuring.locks import PATIENCE_SECONDS, lock_path, locked
from hyperbench.measuring.preparing import NoDemonstrationsError
from hyperbench.records.record import RunRecord
from hyperbench.records.store import StoredRun
from hyperbench.run import Run

_REMEDY = "Choose another place with --output-dir."
_PAUSE_SECONDS = 1.0
_LAST_SECONDS = 5.0
"""How long what a lost worker has started may hold on to its lock."""
_MOST_NOT_STORED = 2
"""Runs in a row that the disk refuses; whatever follows would be lost likewise."""


@dataclass(frozen=True)
class Due:
    """A run that is to be carried out, unless another command does it first.

    Args:
        run: which.
        known: checksum of the record that was there when this was planned; None if there was none.
            Any other one is news, and need not be made again.
        patience: seconds to wait for another command that is at it.
    """

    run: Run
    known: str | None = None
    patience: float = 0.0


def carry_out(
    runs: Sequence[Due], executor: Executor, site: Site, notify: Notify
) -> Iterator[RunRecord]:
    """Have runs executed, each by one command; a run whose worker is lost has a failed record, too.

    Args:
        runs: that are due.
        executor: maps ``execute_once`` over them.
        site: where demonstrations are and records go.
        notify: told how far each run is.

    Yields:
        Records as they are written, here or by another command.

    Raises:
        StorageError: the disk has no room for what runs give.
    """
    waiting = list(runs)
    num_refused = 0
    stages: dict[str, str] = {}

    def heed(event: Event) -> None:
        stages[event.run] = event.stage
        notify(event)

    # Waiting must not pass for a run that takes too long.
    patience = min(PATIENCE_SECONDS, site.timeout / 2 if site.timeout else PATIENCE_SECONDS)
    while waiting:
        elsewhere = []
        for outcome in executor.map(execute_once, waiting, site, heed):
            record = outcome.result
            if outcome.lost is not None:
                lost, why = replace(outcome.item, patience=_LAST_SECONDS), outcome.lost
                if stages.get(lost.run.key) == DEMONSTRATING:
                    why = str(NoDemonstrationsError(lost.run.family, why))
                record = fail_once(lost, why, site, notify)
            if record is None:
                elsewhere.append(replace(outcome.item, patience=patience))
                continue
            yield record
            num_refused = num_refused + 1 if record.status == "failed" and record.not_stored else 0
            if num_refused == _MOST_NOT_STORED:
                raise StorageError(str(record.not_stored))
        if waiting := elsewhere:
            time.sleep(_PAUSE_SECONDS)


def execute_once(due: Due, site: Site, notify: Notify) -> RunRecord | None:
    """Execute a run unless it is done meanwhile; None if another command is at it."""
    with _held(due, site) as mine:
        if not mine:
            emit(notify, due.run.key, ELSEWHERE)
            return None
        return _news(due, site.runs, notify) or execute(due.run, site, notify)


def fail_once(due: Due, error: str, site: Site, notify: Notify) -> RunRecord | None:
    """Record that a run failed unless it is done meanwhile; None if another command is at it.

    Args:
        due: which.
        error: why, in one line.
        site: where records go.
        notify: told that the run failed.
    """
    with _held(due, site) as mine:
        if not mine:
            return None
        news = _news(due, site.runs, notify)
        return news or record_failure(due.run, error, site, notify)


def _held(due: Due, site: Site) -> AbstractContextManager[bool]:
    return locked(lock_path(site.runs, due.run.key), _REMEDY, due.patience)


def _news(due: Due, folder: Path, notify: Notify) -> RunRecord | None:
    """The record that another command has written since, if it is whole."""
    try:
        found = StoredRun.read(folder / due.run.key)
        if found.record.content_sha256 == due.known:
            return None
        found.check()
    except DataError:
        return None
    record = found.record
    emit(notify, record.key, ELSEWHERE, status=record.status, message=record.error or "")
    return record
