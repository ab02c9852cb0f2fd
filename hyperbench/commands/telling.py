"""Telling listeners: events and records become the calls of ``view.listener.Listener``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hyperbench.boards.leaderboard import scores_of_run
from hyperbench.boards.row import Board
from hyperbench.boards.scores import is_reference
from hyperbench.commands.executing import err
from hyperbench.errors import HyperbenchError, PluginError, one_line
from hyperbench.events import ELSEWHERE, FOR_OTHERS, Event, Listeners
from hyperbench.records.record import RunRecord
from hyperbench.records.store import StoredRun
from hyperbench.registry import Registry
from hyperbench.registry.plugins import blamed
from hyperbench.run import Run
from hyperbench.view.console import print_line
from hyperbench.view.listener import Listener

_NOT_YET = (*FOR_OTHERS, ELSEWHERE)
"""Stages in which a run itself has not begun."""
_Split = tuple[str, int]


class Telling:
    """Tells listeners how runs go; an ``events.Notify``.

    A run that has ended is told once it can be scored: when the control arms that define score 0
    and score 1 of its split have ended. What is not carried out by this command is not told.

    Args:
        listeners: told in this order.
        folder: of all runs.
    """

    def __init__(self, listeners: Sequence[Listener], folder: Path) -> None:
        self._listeners = Listeners(*listeners)
        self._folder = folder
        self._lock = threading.Lock()  # events may come from several threads
        self._runs: dict[str, Run] = {}
        self._started: set[str] = set()
        self._references: dict[_Split, set[str]] = {}
        self._awaited: dict[_Split, set[str]] = {}
        self._held: dict[_Split, list[Run]] = {}

    def expect(self, runs: Sequence[Run], due: Collection[str]) -> None:
        """Take in what is planned, and the keys of what of it is carried out."""
        self._runs |= {run.key: run for run in runs if run.key in due}
        for run in filter(is_reference, runs):
            self._references.setdefault(_split_of(run), set()).add(run.key)
            if run.key in due:
                self._awaited.setdefault(_split_of(run), set()).add(run.key)

    def __call__(self, event: Event) -> None:
        with self._lock:
            run = self._runs.get(event.run)
            if run is None or (event.status == "running" and event.stage in _NOT_YET):
                return
            if event.stage != ELSEWHERE and run.key not in self._started:
                self._started.add(run.key)
                self._tell(lambda listener: listener.run_started(run))
            if event.status != "running":
                del self._runs[run.key]
                self._end(run)
            elif event.loss is not None:
                self._tell(lambda listener: listener.step(run, event))

    def board_made(self, board: Board) -> None:
        """Tell of a board."""
        with self._lock:
            self._tell(lambda listener: listener.board_made(board))

    def boards_made(self, boards: Sequence[Board]) -> None:
        """Tell of the boards of all runs, unless no run was carried out: they are old ones."""
        for board in boards if self._started else ():
            self.board_made(board)

    def close(self) -> None:
        """Tell what is still held, and that nothing follows."""
        with self._lock:
            for split in tuple(self._held):
                self._let_go(split)
            self._tell(lambda listener: listener.close())

    def _end(self, run: Run) -> None:
        split = _split_of(run)
        awaited = self._awaited.get(split, set())
        awaited.discard(run.key)
        if run.key in self._started:
            self._held.setdefault(split, []).append(run)
        if not awaited:
            self._let_go(split)

    def _let_go(self, split: _Split) -> None:
        references = [self._folder / key for key in self._references.get(split, ())]
        for run in self._held.pop(split, ()):
            try:
                record = StoredRun.read(self._folder / run.key).record
                scores = scores_of_run(self._folder / run.key, references)
            except Exception as error:  # whatever it is, the other runs go on
                said = f"Listeners are not told how {run.label} ended: {one_line(error)}"
                print_line(said, err)
            else:
                self._tell_end(record, scores)

    def _tell_end(self, record: RunRecord, scores: dict[str, float]) -> None:
        self._tell(lambda listener: listener.run_finished(record, scores))

    def _tell(self, call: Callable[[Listener], None]) -> None:
        num_known = len(self._listeners.failures)
        self._listeners.each(call)
        for failure in self._listeners.failures[num_known:]:
            print_line(failure, err)


@contextmanager
def listening(
    asked: Sequence[str | Listener], folder: Path, registry: Registry
) -> Iterator[Telling]:
    """Make listeners, and close them in the end, however that comes.

    Args:
        asked: their names, or themselves.
        folder: of all runs.
        registry: resolves names.

    Raises:
        UnknownNameError: there is no listener of that name.
        PluginError: it, or a package it requires, cannot be imported, or it cannot be made.
        HyperbenchError: it is neither a name nor a listener.
    """
    telling = Telling([_made(one, folder, registry) for one in asked], folder)
    try:
        yield telling
    finally:
        telling.close()


def _made(asked: str | Listener, folder: Path, registry: Registry) -> Listener:
    if isinstance(asked, Listener):
        return asked
    if not isinstance(asked, str):
        raise HyperbenchError(
            f"A listener is a name, or an instance of hyperbench.Listener; found {asked!r}."
        )
    make = registry.listener_class(asked)
    with blamed(f"Listener {asked!r} cannot be made"):
        made = make(folder)
    if not isinstance(made, Listener):
        raise PluginError(
            f"Listener {asked!r} is no hyperbench.Listener: {make.__qualname__} must be a subclass."
        )
    return made


def _split_of(run: Run) -> _Split:
    return run.family, run.seeds.split
