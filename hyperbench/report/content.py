"""What a report shows: boards, and the runs behind them with the tasks they judged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from hyperbench.boards.leaderboard import BoardTable, board_tables, make_board
from hyperbench.boards.row import Board
from hyperbench.boards.worlds import method_labels, suite_of
from hyperbench.errors import HyperbenchError
from hyperbench.family import FamilyInfo
from hyperbench.records.record import RunRecord
from hyperbench.records.store import StoredRun
from hyperbench.registry import installed
from hyperbench.task import Feature

Values = tuple[float, ...]


@dataclass(frozen=True)
class LabelledRun:
    """A run and where it stands on a board.

    Args:
        method: label of its row.
        family: label of its column.
        run: the run.
    """

    method: str
    family: str
    run: StoredRun

    @property
    def record(self) -> RunRecord:
        """What is known of the run."""
        return self.run.record


@dataclass(frozen=True)
class FamilyContent:
    """One family on a board.

    Args:
        label: the name of its column.
        info: what it is.
        names: of its features.
        units: of its features; empty where there is none, or the family is not installed.
        categories: per feature the names of its categories; without any, its values are numbers,
            as all are where the family is not installed.
        targets: per key of a judged task its feature values.
        sources: per split seed the feature values of the source tasks.
        table: the lines of ``task_table`` that are of this family.
    """

    label: str
    info: FamilyInfo
    names: tuple[str, ...]
    units: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]
    targets: dict[str, Values]
    sources: dict[int, tuple[Values, ...]]
    table: pd.DataFrame

    def axis(self, i: int) -> str:
        """Name and unit of a feature, such as ``speed [m/s]``."""
        return f"{self.names[i]} [{self.units[i]}]" if self.units[i] else self.names[i]


@dataclass(frozen=True)
class BoardContent:
    """One board and what it was made of.

    Args:
        board: the rows.
        table: ``task_table`` of its runs.
        families: those with at least one successful run.
        runs: every run, failed ones included.
    """

    board: Board
    table: pd.DataFrame
    families: tuple[FamilyContent, ...]
    runs: tuple[LabelledRun, ...]

    @property
    def suite(self) -> str:
        """What the board is about."""
        return suite_of(self.runs[0].record)

    @property
    def name(self) -> str:
        """Suite and protocol, whatever boards lie beside it."""
        prefix = f"{self.suite}, "
        return prefix + self.board.title.removeprefix(prefix)

    def narrowed(self, rows: Collection[str]) -> BoardContent:
        """Only some rows, with what they have on the whole board: ranks and intervals too."""
        families = tuple(
            replace(family, table=family.table[family.table["method"].isin(rows)])
            for family in self.families
        )
        return BoardContent(
            replace(self.board, rows=tuple(r for r in self.board.rows if r.method in rows)),
            self.table[self.table["method"].isin(rows)],
            tuple(family for family in families if len(family.table)),
            tuple(run for run in self.runs if run.method in rows),
        )


def read_content(folders: Sequence[Path]) -> list[BoardContent]:
    """Read runs for a report: one board per suite and protocol.

    Args:
        folders: run folders, as ``find.find_runs`` lists them; their order does not matter.

    Raises:
        DataError: as ``leaderboard.make_boards``.
    """
    return [_content(part) for part in board_tables(folders, damaged=[])]


def _content(part: BoardTable) -> BoardContent:
    methods = method_labels([run.record for run in part.runs])
    runs = tuple(
        LabelledRun(methods[run.record.key], part.families[run.record.key], run)
        for run in part.runs
    )
    found = [
        _family(str(label), [run.record for run in runs if run.family == label], lines)
        for label, lines in part.table.groupby("family")
    ]
    return BoardContent(make_board(part), part.table, tuple(found), runs)


def _family(label: str, records: Sequence[RunRecord], table: pd.DataFrame) -> FamilyContent:
    splits = {record.seeds.split: record.split for record in records if record.split is not None}
    targets = {
        task.key: tuple(task.features.values())
        for split in splits.values()
        for task in split.target
    }
    info = records[0].family_info
    names = tuple(next(iter(splits.values())).target[0].features)
    known = _features(info.id)
    return FamilyContent(
        label=label,
        info=info,
        names=names,
        units=tuple(known[name].unit if name in known else "" for name in names),
        categories=tuple(known[name].categories if name in known else () for name in names),
        targets=targets,
        sources={
            seed: tuple(tuple(task.features.values()) for task in split.source)
            for seed, split in sorted(splits.items())
        },
        table=table,
    )


def _features(family: str) -> dict[str, Feature]:
    """Records leave units and names to the family, which the reader of a record may not have."""
    try:
        features = installed().make_family(family).spec_space.features
    except HyperbenchError:
        return {}
    return {feature.name: feature for feature in features}
