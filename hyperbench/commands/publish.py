"""``hyperbench publish``: whole rows into the committed boards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hyperbench.boards.choice import EVERYTHING, Choice
from hyperbench.boards.committed import TABLE, publish
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.row import Board
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.registry import installed
from hyperbench.view.console import print_line, standard_output


def publish_command(
    folders: Sequence[Path],
    boards_dir: Path,
    choice: Choice = EVERYTHING,
    *,
    all_policies: bool = False,
    unverifiable: bool = False,
) -> None:
    """Publish and tell what is on the boards now."""

    def tell(line: str) -> None:
        print_line(line, standard_output())

    def note(line: str) -> None:
        tell(f"note: {line}")

    for folder in publish(
        folders,
        boards_dir,
        installed(),
        choice,
        note,
        all_policies=all_policies,
        unverifiable=unverifiable,
    ):
        boards = make_boards(find_runs([folder / RECORDS]))
        tell(f"{folder / TABLE}: {_summary(boards)}")
        for line in sorted({line for board in boards for line in board.notes}):
            note(line)


def _summary(boards: Sequence[Board]) -> str:
    rows = [row for board in boards for row in board.rows]
    num_runs = sum(int(row[name].value or 0) for row in rows for name in ("num_runs", "num_failed"))
    return f"{len(rows)} rows of {num_runs} runs"
