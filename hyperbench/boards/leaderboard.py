"""Boards: from records to scores to rows. Derived data only; nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hyperbench.boards.code import code_notes
from hyperbench.boards.headline import headline_of
from hyperbench.boards.method_runs import MethodRuns
from hyperbench.boards.ranks import rank_notes
from hyperbench.boards.row import Board
from hyperbench.boards.rows import make_rows, missing_notes
from hyperbench.boards.scores import task_table
from hyperbench.boards.statistic import BY_NAME, OF_ONE_RUN
from hyperbench.boards.worlds import (
    board_titles,
    by_board,
    by_world,
    family_labels,
    method_labels,
)
from hyperbench.errors import DataError
from hyperbench.records.gather import Gathered, gather, rounded_note
from hyperbench.records.record import RunRecord
from hyperbench.records.store import StoredRun

_OTHER_WORLDS = (
    "Results of other family, expert or physics versions are on boards of their own, never mixed."
)


@dataclass(frozen=True)
class BoardTable:
    """What a board is made of.

    Args:
        title: of the board.
        runs: each once.
        families: per run, by key, the name of its family's column.
        table: their ``task_table``.
        notes: what a reader must know of how the runs came about.
    """

    title: str
    runs: tuple[StoredRun, ...]
    families: Mapping[str, str]
    table: pd.DataFrame
    notes: tuple[str, ...]


def make_boards(folders: Iterable[Path]) -> list[Board]:
    """Read runs and make one board per suite and protocol.

    Where a family occurs with several family, expert or physics versions, its results are apart, on
    boards that are numbered: no score, not even a pooled one, stands beside one of another world.
    A run that is damaged is left out, with a note.

    Args:
        folders: run folders, as ``find.find_runs`` lists them; their order does not matter.

    Raises:
        DataError: no run can be read, or two records of one run disagree.
    """
    return [make_board(part) for part in board_tables(folders, damaged=[])]


def board_tables(folders: Iterable[Path], damaged: list[str] | None = None) -> list[BoardTable]:
    """What the boards are made of.

    Args:
        folders: as of ``make_boards``.
        damaged: as of ``gather``; what it receives is noted.

    Raises:
        DataError: as of ``make_boards``, or ``damaged`` is not given and a run is damaged.
    """
    gathered = gather(folders, damaged)
    if not gathered.runs:
        raise DataError("\n".join(damaged or ()) or "No runs to make a board of.")
    left_out = tuple(f"Left out: {text}" for text in damaged or ())
    boards = by_board(gathered.runs)
    titles = board_titles(boards)
    parts = []
    for key, found in boards.items():
        title = titles[key]
        labels = family_labels([run.record for run in found])
        worlds = by_world(found)
        for number, runs in enumerate(worlds, start=1):
            families = {run.record.key: labels[run.record.key] for run in runs}
            table = task_table(runs, families)
            notes = (*_origin_notes(runs, gathered), *left_out)
            if len(worlds) == 1:
                parts.append(BoardTable(title, tuple(runs), families, table, notes))
            else:
                numbered = f"{title}, group {number} of {len(worlds)}"
                notes = (*notes, _OTHER_WORLDS)
                parts.append(BoardTable(numbered, tuple(runs), families, table, notes))
    return parts


def scores_of_run(run: Path, references: Iterable[Path]) -> dict[str, float]:
    """What a board says of one run alone; nothing of one that failed.

    Args:
        run: its folder.
        references: folders of the control arms that define score 0 and score 1 of its split.

    Returns:
        By name the statistics ``OF_ONE_RUN`` that it has, and from its record ``rollout_seconds``
        and ``num_target_rollouts``.

    Raises:
        DataError: as of ``board_tables``, or the run is damaged.
    """
    found = StoredRun.read(run)
    record = found.record
    if record.status == "failed":
        return {}
    found.check()
    parts = board_tables({run, *references}, damaged=[])
    [table] = (part.table for part in parts if record.key in part.families)
    own = MethodRuns(record.row_label, [record], table[table["run"] == record.key])
    said = {name: BY_NAME[name].value(own) for name in OF_ONE_RUN}
    said["rollout_seconds"] = record.cost.rollout_seconds
    said["num_target_rollouts"] = record.num_target_rollouts
    return {name: value for name, value in said.items() if value is not None}


def make_board(part: BoardTable) -> Board:
    """Make the board of what it is made of."""
    records = [run.record for run in part.runs]
    methods = method_labels(records)
    families = tuple(sorted(set(part.families.values())))
    by_method: dict[str, list[RunRecord]] = {}
    for record in records:
        by_method.setdefault(methods[record.key], []).append(record)
    headline = headline_of([record.family_info for record in records])
    rows = make_rows(
        [
            MethodRuns(method, found, part.table[part.table["method"] == method])
            for method, found in by_method.items()
        ],
        part.families,
        headline,
    )
    failures = tuple(
        f"{methods[record.key]} on {part.families[record.key]} "
        f"(split {record.seeds.split}, fit {record.seeds.fit}): {record.error}"
        for record in records
        if record.status == "failed"
    )
    notes = (
        *rank_notes(rows),
        *_notes(part.table),
        *missing_notes(rows),
        *_budget_notes(part),
        *_reference_notes(part),
        *_remarks(part),
        *part.notes,
    )
    return Board(part.title, families, tuple(rows), failures, notes, headline)


def _notes(table: pd.DataFrame) -> tuple[str, ...]:
    if not table.empty and table["score"].isna().any():
        return (
            "Some tasks have no score: on the same split the arms 'random' and 'expert' are "
            "missing, failed or earn the same but for the noise of their episodes, or the expert "
            "earns less.",
        )
    return ()


def _budget_notes(part: BoardTable) -> tuple[str, ...]:
    """How long fits were, where the protocol says so, and whom that does not bind."""
    records = [run.record for run in part.runs if run.record.is_fitted]
    steps = {record.protocol.num_steps for record in records} - {None}
    if not steps:
        return ()
    said = f"Fits take {', '.join(map(str, steps))} gradient steps, as the protocol says."
    labels = method_labels(records)
    free = sorted({labels[r.key] for r in records if not r.protocol.budget(r.config)})
    return (f"{said} Not bound by that: {', '.join(free)}." if free else said,)


def _reference_notes(part: BoardTable) -> tuple[str, ...]:
    """Which families have no expert to be score 1."""
    without: dict[bool, set[str]] = {}
    for run in part.runs:
        info = run.record.family_info
        if not info.has_expert:
            without.setdefault(info.has_demonstrators, set()).add(part.families[run.record.key])
    earned = {
        True: "no expert; score 1 is what the demonstrators earn.",
        False: "nobody to play; score 1 is what the demonstrations of the target tasks earned.",
    }
    return tuple(f"{', '.join(sorted(who))}: {earned[played]}" for played, who in without.items())


def _remarks(part: BoardTable) -> tuple[str, ...]:
    """What families say of themselves, once for all that say the same."""
    families: dict[str, set[str]] = {}
    for run in part.runs:
        if remark := run.record.family_info.remark:
            families.setdefault(remark, set()).add(part.families[run.record.key])
    return tuple(f"{', '.join(sorted(who))}: {remark}" for remark, who in families.items())


def _origin_notes(runs: Sequence[StoredRun], gathered: Gathered) -> tuple[str, ...]:
    """What a reader must know of how the runs came about."""
    records = [run.record for run in runs]
    labels = method_labels(records)
    notes = []
    for method in sorted(set(labels.values())):
        extra = [
            record.num_target_rollouts - record.num_judged
            for record in records
            # Playing more than is kept is what the arm with hindsight consists in.
            if labels[record.key] == method and not record.is_arm
        ]
        if max(extra, default=0) > 0:
            notes.append(f"{method} played {sum(extra)} more episodes on target tasks than judged.")
        if clipped := sum(r.num_clipped for r in records if labels[r.key] == method):
            notes.append(
                f"{method} asked for actions outside of their bounds in {clipped:,} steps: they "
                "were clipped."
            )
    if handed_in := sorted({labels[r.key] for r in records if r.policies is not None}):
        notes.append(
            "Policies that were handed in: nothing was fitted here, and nobody can tell whether "
            f"they know more than specs, so they have no rank: {', '.join(handed_in)}."
        )
    unstored = {labels[r.key]: r.not_stored for r in records if r.not_stored is not None}
    if unstored:
        why = ", ".join(f"{label} ({reason})" for label, reason in sorted(unstored.items()))
        notes.append(f"Policies not stored: cannot be verified: {why}.")
    notes += code_notes(records, labels)
    again = sorted({labels[record.key] for record in gathered.remeasured if record.key in labels})
    if again:
        notes.append(
            "Measured again with another result, which is left out; the committed board's counts: "
            f"{', '.join(again)}."
        )
    if rounded := [record for record in gathered.rounded if record.key in labels]:
        notes.append(rounded_note(rounded, labels))
    return tuple(notes)
