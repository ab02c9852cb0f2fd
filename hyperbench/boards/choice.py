"""Which runs are meant, of folders that hold many protocols, suites and rows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperbench.boards.worlds import (
    BoardKey,
    board_key,
    by_board,
    by_world,
    method_labels,
    names_of,
)
from hyperbench.errors import DataError, UnknownNameError
from hyperbench.records.bundled import open_run
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun


@dataclass(frozen=True)
class Choice:
    """What is asked for; where nothing is named, everything.

    Args:
        protocols: ids.
        suites: suites, and families with or without their version.
        methods: methods, each with all its rows, and rows as a board names them.
    """

    protocols: Sequence[str] = ()
    suites: Sequence[str] = ()
    methods: Sequence[str] = ()

    def brings_along(self, run: StoredRun) -> bool:
        """Whether a run is there for the scores of others alone: an arm that nobody named."""
        return bool(self.methods) and run.record.is_arm and run.record.method not in self.methods


EVERYTHING = Choice()


def find_chosen(
    folders: Iterable[Path], choice: Choice = EVERYTHING, *, with_arms: bool = True
) -> list[Path]:
    """The runs in or below some folders that are asked for, as ``find_runs`` lists them.

    A run that cannot be read stays: whoever reads it says what is wrong.

    Args:
        folders: as of ``find_runs``.
        choice: what is asked for.
        with_arms: whether control arms stay when methods are chosen, on the boards and splits of
            these: scores need them.

    Raises:
        DataError: as of ``find_runs``.
        UnknownNameError: a name of which there is no run.
    """
    places = find_runs(folders)
    if choice == EVERYTHING:
        return places
    runs = []
    unread = []
    for place in places:
        try:
            runs.append(open_run(place))
        except DataError:
            unread.append(place)
    if not runs:
        return unread
    runs = _named(runs, "protocol", choice.protocols, lambda run: {run.record.protocol.id})
    runs = _named(runs, "suite or family", choice.suites, lambda run: names_of(run.record.family))
    rows: dict[str, str] = {}
    for board in by_board(runs).values():
        for world in by_world(board):
            rows |= method_labels([run.record for run in world])
    chosen = _named(
        runs,
        "method or row",
        choice.methods,
        lambda run: {run.record.method, rows[run.record.key]},
    )
    kept = {run.folder for run in chosen}
    if with_arms:
        splits = {_split(run) for run in chosen}
        kept |= {run.folder for run in runs if run.record.is_arm and _split(run) in splits}
    return sorted([*kept, *unread])


def _split(run: StoredRun) -> tuple[BoardKey, int]:
    """What runs share that scores are read against each other: board and split."""
    return board_key(run.record), run.record.seeds.split


def _named(
    runs: list[StoredRun],
    kind: str,
    asked: Sequence[str],
    names_of: Callable[[StoredRun], Collection[str]],
) -> list[StoredRun]:
    """The runs that have one of the names asked for; all where none is."""
    if not asked:
        return runs
    known = {name for run in runs for name in names_of(run)}
    for name in asked:
        if name not in known:
            raise UnknownNameError(f"{kind} in these runs", name, known)
    return [run for run in runs if not set(asked).isdisjoint(names_of(run))]
