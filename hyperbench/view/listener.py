"""What others see of runs: the calls that events and records are made into."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hyperbench.boards.row import Board
from hyperbench.events import Event
from hyperbench.records.record import RunRecord
from hyperbench.run import Run


class Listener:
    """Base of all that is told how runs go, such as an experiment tracker; does nothing itself.

    Plugins register theirs by the hook ``hyperbench_events``, and ``--listener`` names them; an
    instance is handed to ``hyperbench.bench``. All calls come from the process that keeps the
    books, one at a time, perhaps from several threads. One that raises is the last: that is told,
    and the runs go on.

    Args:
        runs: folder of all runs. Whoever keeps files puts them into a folder of its own there, or
            anywhere else; nothing may be made before the first call.
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs

    def run_started(self, run: Run) -> None:
        """Take in that a run has begun, from the start or from its checkpoint."""

    def step(self, run: Run, event: Event) -> None:
        """Take in how far a fit is.

        Args:
            run: which.
            event: with ``step``, ``num_steps``, ``loss`` and ``time``; not of every step.
        """

    def run_finished(self, record: RunRecord, scores: Mapping[str, float]) -> None:
        """Take in how a run has ended: as soon as the arms that its scores need have ended, too.

        Args:
            record: of the run; its ``status`` is ``"ok"`` or ``"failed"``, then there is an
                ``error``.
            scores: what a board says of this run alone, as of ``leaderboard.scores_of_run``; none
                of a run that failed, no ``score`` where those arms are missing.
        """

    def board_made(self, board: Board) -> None:
        """Take in a board: of a family whose runs have all ended, and of all in the end."""

    def close(self) -> None:
        """Write what is left; what has begun and not finished by now was stopped."""
