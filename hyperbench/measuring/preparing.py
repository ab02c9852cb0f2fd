"""Preparing: experts play before anything is fitted, and one that fails costs its family alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hyperbench.errors import StorageError, one_line, traceback_of
from hyperbench.events import Notify, emit
from hyperbench.measuring.conductor import Wanted, ensure_demonstrations
from hyperbench.measuring.dataset import Dataset
from hyperbench.measuring.executors import Executor, Site
from hyperbench.measuring.surroundings import restored


@dataclass(frozen=True)
class Prepared:
    """What became of a family's demonstrations.

    Args:
        family: id.
        found: where they are; None if they could not be made.
        problem: why they had to be made; None if they were there.
        failure: why there are none, in one line.
        traceback: where that happened.
    """

    family: str
    found: Dataset | None = None
    problem: str | None = None
    failure: str | None = None
    traceback: str | None = None


def prepare_all(
    wanted: Sequence[Wanted], executor: Executor, site: Site, notify: Notify
) -> Iterator[Prepared]:
    """Make demonstrations; an expert that fails costs its own family alone.

    Args:
        wanted: of which families.
        executor: lets the experts play.
        site: where demonstrations belong.
        notify: told how far each family is.

    Raises:
        StorageError: demonstrations cannot be written.
    """
    # A timeout is for runs.
    for outcome in executor.map(_prepared, wanted, replace(site, timeout=None), notify):
        id_ = outcome.item.family
        prepared = outcome.result or Prepared(id_, failure=outcome.lost)
        if prepared.failure is not None:
            emit(notify, id_, "demonstrations", status="failed", message=prepared.failure)
        yield prepared


def _prepared(wanted: Wanted, site: Site, notify: Notify) -> Prepared:
    try:
        with restored():
            return Prepared(wanted.family, *ensure_demonstrations(wanted, site, notify))
    except (KeyboardInterrupt, GeneratorExit, StorageError):
        raise
    except BaseException as error:  # whatever an expert raises, or how it leaves
        return Prepared(wanted.family, failure=one_line(error), traceback=traceback_of(error))
