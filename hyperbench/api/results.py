"""Results: what some runs say, as tables of pandas, in a notebook, and checked."""

from __future__ import annotations

import html
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from hyperbench.api.reading import data_root
from hyperbench.boards.comparison import BoardComparison, compare
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.row import Board
from hyperbench.boards.tables import csv_text, tables
from hyperbench.boards.worlds import method_labels
from hyperbench.commands.verify import drawn_seed, verified
from hyperbench.errors import HyperbenchError
from hyperbench.executors import Site
from hyperbench.records.find import find_runs
from hyperbench.records.gather import gather
from hyperbench.registry import plugged_in
from hyperbench.registry.files import given_plugins
from hyperbench.registry.plugins import Given
from hyperbench.report.write import write_report
from hyperbench.table import html_table
from hyperbench.threads import num_cores
from hyperbench.view.boards import print_boards
from hyperbench.view.console import plain_console, print_line, standard_error

_WIDTH = 120
_NOT_SOUND = ("differs", "unverifiable")


def load_results(*folders: str | Path, data_dir: str | Path | None = None) -> Results:
    """Read the results of all runs in some folders, as ``hyperbench leaderboard`` does.

    Args:
        folders: that ``bench`` or ``hyperbench run`` wrote, or committed boards.
        data_dir: root of all demonstrations, as of ``bench``.

    Raises:
        DataError: there is no run.
    """
    return Results(find_runs(map(Path, folders)), (), data_root(data_dir))


class Results:
    """What some runs say; made by ``bench``, ``judge`` and ``load_results``, never by hand.

    Printed it is the board as the command line shows it; in a notebook, tables.

    Args:
        runs: their folders.
        given: what was handed over in Python to make them, so that they can be verified.
        data: root of all demonstrations.
    """

    def __init__(self, runs: Sequence[Path], given: Sequence[Given], data: Path) -> None:
        self._runs = tuple(runs)
        self._given = tuple(given)
        self._data = data

    @property
    def runs(self) -> tuple[Path, ...]:
        """Folders of the runs, each with its ``record.json``."""
        return self._runs

    @cached_property
    def boards(self) -> tuple[Board, ...]:
        """One board per suite, protocol and world."""
        return tuple(make_boards(self._runs))

    @property
    def board(self) -> Board:
        """The board.

        Raises:
            HyperbenchError: there are several.
        """
        if len(self.boards) > 1:
            titles = "; ".join(board.title for board in self.boards)
            raise HyperbenchError(f"There are several boards: {titles}. Take one of .boards.")
        return self.boards[0]

    @cached_property
    def table(self) -> pd.DataFrame:
        """One line per row of a board, best first, with every statistic, unrounded.

        Columns as of ``hyperbench leaderboard --format csv``.
        """
        return pd.read_csv(StringIO(csv_text(self.boards)))

    @cached_property
    def episodes(self) -> pd.DataFrame:
        """One line per judged episode of each finished run.

        Columns: ``protocol``, ``method`` (as the board names it), ``family``, ``split_seed``,
        ``fit_seed``, ``run`` (key), ``task`` (key), the features in their units, ``region``,
        ``episode``, and what is known of it: ``seed``, ``return``, ``length``, ``terminated``, and
        ``success`` where the family has it. A feature called like one of the others, such as the
        length of a leg, is ``length (feature)``.
        """
        runs = [run for run in gather(self._runs, []).runs if run.record.status == "ok"]
        labels = method_labels([run.record for run in runs])
        parts = []
        for run in runs:
            record = run.record
            episodes = pd.DataFrame(run.episodes())
            about: dict[str, Any] = {
                "protocol": record.protocol.id,
                "method": labels[record.key],
                "family": record.family,
                "split_seed": record.seeds.split,
                "fit_seed": record.seeds.fit,
                "run": record.key,
            }
            taken = {*episodes.columns, *about, "region"}
            tasks = pd.DataFrame(
                [
                    {f"{n} (feature)" if n in taken else n: v for n, v in t.features.items()}
                    | {"task": t.key, "region": t.region}
                    for t in record.targets
                ]
            )
            part = tasks.merge(episodes, on="task")
            part.insert(0, "task", part.pop("task"))
            for place, (name, value) in enumerate(about.items()):
                part.insert(place, name, value)
            parts.append(part)
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def compare(self, one: str, other: str) -> BoardComparison:
        """Compare two rows, run by run and task by task; ``.sentence`` says the result in words.

        Args:
            one: a row, as the board names it.
            other: another one.

        Raises:
            HyperbenchError: there is no such row, or several boards have both.
        """
        found = compare(self._runs, one, other)
        if len(found) > 1:
            titles = "; ".join(each.protocol for each in found)
            raise HyperbenchError(f"Both are on several boards: {titles}. Bench suites apart.")
        return found[0]

    def verify(
        self,
        num_tasks: int | None = 3,
        *,
        seed: int | None = None,
        tolerance: float | None = None,
    ) -> pd.DataFrame:
        """Check the runs and play their episodes again, as ``hyperbench verify`` does.

        Args:
            num_tasks: target tasks of each run; None for all.
            seed: draws them; None: others each time.
            tolerance: relative difference of returns to accept; None as the command has it.

        Returns:
            One line per run, what is wrong first: ``stamp``, ``method``, ``family``,
            ``split_seed``, ``fit_seed``, ``num_played``, ``largest_difference``, ``reasons``,
            ``notes`` and ``run`` (folder).
        """
        site = Site(Path(), self._data, num_cores())
        with self._known():
            drawn = drawn_seed() if seed is None else seed
            verdicts = verified(self._runs, num_tasks, drawn, tolerance, site)
        lines = [
            {
                "stamp": v.stamp,
                "method": v.record.row_label if v.record else "?",
                "family": v.record.family if v.record else "?",
                "split_seed": v.record.seeds.split if v.record else None,
                "fit_seed": v.record.seeds.fit if v.record else None,
                "num_played": v.num_played,
                "largest_difference": v.largest_difference,
                "reasons": "; ".join(v.reasons),
                "notes": "; ".join(v.notes),
                "run": str(v.folder),
            }
            for v in verdicts
        ]
        table = pd.DataFrame(lines)
        return table.sort_values(
            "stamp", key=lambda s: ~s.isin(_NOT_SOUND), kind="stable", ignore_index=True
        )

    def report(self, path: str | Path = "report.html", *, videos: bool = False) -> Path:
        """Write one offline page of boards, charts and runs, as ``hyperbench report`` does.

        Args:
            path: of the page.
            videos: whether to film policies beside them.

        Returns:
            Where it is.

        Raises:
            HyperbenchError: a package that is needed is not installed.
        """
        err = standard_error()
        with self._known():
            [page] = write_report(
                self._runs, Path(path), None, videos, lambda line: print_line(line, err)
            )
        return page.resolve()

    def _known(self) -> AbstractContextManager[None]:
        return plugged_in(given_plugins(), self._given)

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        file = StringIO()
        print_boards(self.boards, plain_console(file, _WIDTH))
        return file.getvalue()

    def _repr_html_(self) -> str:
        parts = [html_table(table) for board in self.boards for table in tables(board)]
        for board in self.boards:
            parts += [f"<p>Failed: {html.escape(line)}</p>" for line in board.failures]
            notes = (board.headline.legend, *board.notes)
            parts += [f"<p><small>{html.escape(note)}</small></p>" for note in notes]
        return "\n".join(parts)
