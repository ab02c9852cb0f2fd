"""What commands that measure have in common: where they measure, and who watches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hyperbench.errors import HyperbenchError, UnknownNameError
from hyperbench.events import Event, Listeners, Notify, ignore
from hyperbench.executors import Executor
from hyperbench.records.find import RECORD
from hyperbench.records.record import RunRecord
from hyperbench.registry import Registry
from hyperbench.run import Run
from hyperbench.view.console import print_line, standard_error
from hyperbench.view.event_log import EventLog
from hyperbench.view.progress import progress_display

err = standard_error()


@dataclass(frozen=True)
class Place:
    """Where runs are carried out.

    Args:
        executor: its name.
        num_jobs: at a time; 0 for as many as there is room for.
        settings: of the executor, as its ``Config`` reads them.
    """

    executor: str = "local"
    num_jobs: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def make(self, registry: Registry) -> Executor:
        """Make the executor.

        Raises:
            UnknownNameError: there is none of that name, or it has no such setting.
            PluginError: it, or a package it requires, cannot be imported.
            HyperbenchError: a setting has no such value.
        """
        found = registry.executor_class(self.executor)
        known = found.Config.model_fields
        for name in self.settings:
            if name not in known:
                raise UnknownNameError(f"setting of executor {self.executor!r}", name, known)
        try:
            config = found.Config.model_validate(self.settings)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
                for one in error.errors()
            )
            raise HyperbenchError(
                f"Executor {self.executor!r} cannot do that. {problems}"
            ) from error
        make: Any = found
        executor: Executor = make(self.num_jobs, config)
        return executor


@contextmanager
def watched(
    labels: dict[str, str],
    log: EventLog | None = None,
    runs: Mapping[str, Run] | None = None,
    families: Collection[str] = (),
    also: Notify = ignore,
) -> Iterator[Notify]:
    """Show how far runs are and what they tell on the way, and log it where that is asked for.

    Args:
        labels: per run key what the run is called, in the order in which runs are begun.
        log: for programs.
        runs: by key, which tells those that take about as long.
        families: whose boards are shown as soon as all their runs have ended.
        also: told, too.
    """
    with progress_display(labels, err, runs, families) as display:
        if log is not None:
            log.name(labels)
        yield Listeners(display, _say, log or ignore, also)


def _say(event: Event) -> None:
    """Print what work that goes on has to tell."""
    if event.status == "running" and event.message:
        print_line(event.message, err)


def tell_failures(failed: Sequence[RunRecord], output_dir: Path, debug: bool) -> None:
    """Say where each failed run has its record, with its traceback."""
    for record in failed:
        hint = "" if debug or not record.traceback else "; --debug shows its traceback"
        said = f"{record.label} failed: see {output_dir / record.key / RECORD}{hint}"
        if debug and record.traceback:
            said += f"\n{record.traceback}"
        print_line(said, err)
