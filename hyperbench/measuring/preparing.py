"""Preparing: experts play before anything is fitted, and one that fails costs its family alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from hyperbench.errors import StorageError, one_line, traceback_of
from hyperbench.events import Notify, emit
from hyperbench.executors import Executor, Site
from hyperbench.measuring.dataset import DATA_REMEDY, Dataset, dataset, prepare
from hyperbench.measuring.locks import awaited, lock_path
from hyperbench.measuring.surroundings import restored
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry, installed
from hyperbench.threads import single_threaded


@dataclass(frozen=True)
class Wanted:
    """Demonstrations that are needed.

    Args:
        family: id.
        protocol: says how many episodes there are of each task.
        keep: whether those count, too, that other code of the family made.
    """

    family: str
    protocol: EvalProtocol
    keep: bool = False


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


def ensure_demonstrations(
    wanted: Wanted, site: Site, notify: Notify, *, registry: Registry | None = None
) -> tuple[Dataset, str | None]:
    """Make a family's demonstrations unless sound ones are there.

    Args:
        wanted: which.
        site: says where they belong, and how many physics threads there are.
        notify: told how far they are.
        registry: resolves the family; the installed one if not given.

    Returns:
        Where they are, and why they had to be made; None if they were there.
    """
    registry = registry or installed()
    family = registry.make_family(wanted.family)
    code = registry.fingerprints(wanted.family).family
    found = dataset(family, wanted.protocol.num_demonstrations, site.data)
    accepted = None if wanted.keep else code
    if found.problem(accepted) is None:  # where nothing may be written, nothing need be
        return found, None
    lock = lock_path(found.folder.parent, found.folder.name)
    tell = partial(emit, notify, wanted.family, "waiting for another command")
    with awaited(lock, DATA_REMEDY, tell):
        problem = found.problem(accepted)
        if problem is not None:
            progress = partial(emit, notify, wanted.family, "demonstrations")
            with single_threaded():
                prepare(family, found, code, num_threads=site.num_threads, progress=progress)
            emit(notify, wanted.family, "demonstrations", status="ok")
    return found, problem


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
