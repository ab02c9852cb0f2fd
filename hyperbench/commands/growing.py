"""A board that grows: each family's, as soon as all its runs have ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.row import Board
from hyperbench.commands.executing import err
from hyperbench.errors import one_line
from hyperbench.events import Notify, emit, ignore
from hyperbench.run import Run
from hyperbench.view.boards import print_scores
from hyperbench.view.console import print_line


class GrowingBoard:
    """Shows the board of a family beside the progress once the last of its runs has ended.

    Nothing is shown of a family all of whose runs were finished before, nor of the only family of
    a plan, whose board is what the command shows in the end.

    Args:
        runs: of the plan.
        due: keys of those that are carried out.
        folder: of all runs.
        notify: told that a family's board is there.
        made: called with the board.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        due: Collection[str],
        folder: Path,
        notify: Notify = ignore,
        made: Callable[[Board], object] = lambda _: None,
    ) -> None:
        self._notify = notify
        self._made = made
        self._folders: dict[str, list[Path]] = {}
        self._missing: dict[str, set[str]] = {}
        for run in runs:
            self._folders.setdefault(run.family, []).append(folder / run.key)
            if run.key in due:
                self._missing.setdefault(run.family, set()).add(run.key)
        if len(self._folders) == 1:
            self._missing.clear()

    @property
    def families(self) -> tuple[str, ...]:
        """The families whose boards are still to come."""
        return tuple(self._missing)

    def add(self, run: Run) -> None:
        """Take in that a run has ended."""
        missing = self._missing.get(run.family, set())
        if run.key not in missing:
            return
        missing.remove(run.key)
        if missing:
            return
        del self._missing[run.family]
        try:
            for board in make_boards(self._folders[run.family]):
                print_scores(board, err)
                self._made(board)
        except Exception as error:  # whatever it is, the other runs go on
            print_line(f"The board of {run.family} cannot be shown yet: {one_line(error)}", err)
        else:
            emit(self._notify, run.family, "board", status="ok")
