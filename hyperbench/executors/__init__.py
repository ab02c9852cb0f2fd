"""Executors: they map a function over runs, fits or families, wherever there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from hyperbench.events import Notify
from hyperbench.registry.files import given_plugins
from hyperbench.registry.given import given_objects
from hyperbench.registry.plugins import Given
from hyperbench.threads import num_cores

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
        plugins: files and classes that are plugged in here, and so in each worker.
        given: what was handed over here in Python, and so in each worker.
        timeout: seconds that one item may take, demonstrations not counted; None for as long as it
            likes. ``Here`` cannot stop what takes longer.
        checkpoint_seconds: how much of a resumable fit may be lost when it is killed; 0 keeps its
            state after every step.
        keep: whether demonstrations count as well that other code of their family made.
    """

    runs: Path
    data: Path
    num_threads: int = 1
    plugins: tuple[str, ...] = field(default_factory=given_plugins)
    given: tuple[Given, ...] = field(default_factory=given_objects)
    timeout: float | None = None
    checkpoint_seconds: float = 60.0
    keep: bool = False


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


class ExecutorConfig(BaseModel):
    """Base of every executor's settings: frozen, documented, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Executor(Protocol):
    """Maps a function over items; which executor it is changes no result.

    Plugins register theirs by the hook ``hyperbench_executors``. One is made as ``Class(num_jobs,
    config)``: how many items there may be at a time, 0 for as many as there is room for, and an
    instance of ``Config``. Used in a ``with`` statement, it serves all that is mapped within.
    """

    Config: ClassVar[type[ExecutorConfig]]
    """Settings, which ``--executor-config`` reads from a file."""

    def __enter__(self) -> Self:
        """Begin to serve."""

    def __exit__(self, *error: Any) -> None:
        """Let go of all that was begun; with an error, at once."""

    def num_threads(self, num_items: int) -> int:
        """Physics threads that each of so many items may use where it is carried out."""

    def map(
        self,
        function: Callable[[Item, Site, Notify], Result],
        items: Sequence[Item],
        site: Site,
        notify: Notify,
    ) -> Iterator[Outcome[Item, Result]]:
        """Call ``function(item, site, notify)`` for each item.

        Args:
            function: with the items it may travel to other processes and machines, by
                ``cloudpickle``.
            items: in the order in which they are begun.
            site: handed on to the function.
            notify: told all events, in this process, perhaps from another thread.

        Returns:
            Outcomes as they come, each item's once. An exception of the function is raised. What
            was not begun when a worker was lost is begun by another one.
        """


class Here:
    """Does one after the other in this process, which ends with any of them that ends it."""

    Config: ClassVar[type[ExecutorConfig]] = ExecutorConfig

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        pass

    def num_threads(self, num_items: int) -> int:  # noqa: ARG002 - one at a time
        return num_cores()

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
