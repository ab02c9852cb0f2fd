"""Preparing: experts play what is needed, once, and one that fails costs its family alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import HyperbenchError, StorageError, one_line, traceback_of
from hyperbench.events import DEMONSTRATING, WAITING, Notify, emit
from hyperbench.executors import Executor, Site
from hyperbench.family import TaskFamily
from hyperbench.measuring.bringing import brought_to
from hyperbench.measuring.dataset import DATA_REMEDY, Dataset, dataset, load, prepare, sound
from hyperbench.measuring.locks import awaited, lock_path
from hyperbench.measuring.manifest import MISSING, UnsoundError
from hyperbench.measuring.surroundings import restored
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry, installed
from hyperbench.run import Run
from hyperbench.split import Split
from hyperbench.task import TaskSpec
from hyperbench.threads import single_threaded


@dataclass(frozen=True)
class Wanted:
    """Demonstrations that are needed.

    Args:
        family: id.
        protocol: says how many episodes there are of each task.
        tasks: of the family; all of them if not given.
    """

    family: str
    protocol: EvalProtocol
    tasks: tuple[TaskSpec, ...] | None = None


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


def demonstrations_of(
    family: TaskFamily,
    tasks: Sequence[TaskSpec],
    found: Dataset,
    code: str | None,
    site: Site,
    notify: Notify,
    key: str,
) -> tuple[Demonstrations, str | None]:
    """Read the demonstrations of some tasks; what of them is not there, sound, is made first.

    Of several processes one lets the experts play, and the others wait for it.

    Args:
        family: whose experts play.
        tasks: which are needed; no other is read or played.
        found: where they belong, from ``dataset``.
        code: fingerprint of the family's. Demonstrations of other code are made again, unless the
            site says to keep them; those of two codes are never mixed.
        site: says how many physics threads there are.
        notify: told how far they are.
        key: under which it is told.

    Returns:
        The demonstrations, and why some had to be made; None if all were there.

    Raises:
        StorageError: they cannot be written, or the disk does not give them.
    """
    if not family.info.has_demonstrators:
        return load(family, found, tasks), None
    accepted = None if site.keep else code
    with suppress(UnsoundError):  # where nothing may be written, nothing need be
        return load(family, found, tasks, accepted), None
    lock = lock_path(found.folder.parent, found.folder.name)
    with awaited(lock, DATA_REMEDY, partial(emit, notify, key, WAITING)):
        try:
            return load(family, found, tasks, accepted), None
        except UnsoundError as error:
            problem = error.problem
        try:
            kept = sound(family, found, code)
        except UnsoundError as error:
            kept, problem = {}, error.problem
        emit(notify, key, DEMONSTRATING)
        with single_threaded():
            prepare(
                family,
                found,
                code,
                tasks=[task for task in tasks if task.key not in kept],
                kept=kept,
                num_threads=site.num_threads,
                progress=partial(emit, notify, key, DEMONSTRATING),
            )
        demonstrations = load(family, found, tasks)
    if problem != MISSING:
        said = f"Demonstrations of {family.info.id} were {problem}. They were made again."
        emit(notify, key, DEMONSTRATING, message=said)
    return demonstrations, problem


class NoDemonstrationsError(HyperbenchError):
    """A run whose family's demonstrations cannot be made.

    Args:
        family: id.
        why: in one line.
    """

    def __init__(self, family: str, why: str) -> None:
        super().__init__(f"no demonstrations of {family}: {why}")


def shown_to(
    run: Run, family: TaskFamily, split: Split, site: Site, notify: Notify, code: str | None
) -> Demonstrations:
    """Read, or make, the demonstrations of all tasks that a run's method may see, and of no other.

    Args:
        run: of a method.
        family: the run's.
        split: the run's, of whose target tasks only the few-shot track is shown anything.
        site: as for ``demonstrations_of``, as is the code.
        notify: told, under the run's key, how far they are.
        code: fingerprint of the family's.

    Raises:
        NoDemonstrationsError: an expert fails.
        StorageError: they cannot be written, or the disk does not give them.
    """
    support = split.target if run.num_support_due else ()
    tasks = (*split.source, *split.validation, *support)
    if not family.info.has_demonstrators:
        return brought_to(run, family, tasks, site.data)
    found = dataset(family, run.protocol.num_demonstrations, site.data)
    try:
        shown, _ = demonstrations_of(family, tasks, found, code, site, notify, run.key)
    except (KeyboardInterrupt, GeneratorExit, StorageError):
        raise
    except BaseException as error:  # whatever an expert raises, or how it leaves
        raise NoDemonstrationsError(run.family, one_line(error)) from error
    return shown


def ensure_demonstrations(
    wanted: Wanted, site: Site, notify: Notify, *, registry: Registry | None = None
) -> tuple[Dataset, str | None]:
    """Make a family's demonstrations unless sound ones are there.

    Args:
        wanted: which.
        site: where they belong, and as for ``demonstrations_of``.
        notify: told how far they are.
        registry: resolves the family; the installed one if not given.

    Returns:
        Where they are, and why some had to be made; None if all were there.
    """
    registry = registry or installed()
    family = registry.make_family(wanted.family)
    tasks = family.tasks if wanted.tasks is None else wanted.tasks
    code = registry.fingerprints(wanted.family).family
    found = dataset(family, wanted.protocol.num_demonstrations, site.data)
    _, problem = demonstrations_of(family, tasks, found, code, site, notify, wanted.family)
    if problem is not None:
        emit(notify, wanted.family, DEMONSTRATING, status="ok")
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
            emit(notify, id_, DEMONSTRATING, status="failed", message=prepared.failure)
        yield prepared


def _prepared(wanted: Wanted, site: Site, notify: Notify) -> Prepared:
    try:
        with restored():
            return Prepared(wanted.family, *ensure_demonstrations(wanted, site, notify))
    except (KeyboardInterrupt, GeneratorExit, StorageError):
        raise
    except BaseException as error:  # whatever an expert raises, or how it leaves
        return Prepared(wanted.family, failure=one_line(error), traceback=traceback_of(error))
