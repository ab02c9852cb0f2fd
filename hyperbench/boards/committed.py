"""Committed boards: runs are validated, copied into ``leaderboards/``, and tables made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pandas as pd

from hyperbench.arms import arms_of
from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.boards.code import mixed_rows
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.scores import references, task_table
from hyperbench.boards.tables import csv_text, markdown_text
from hyperbench.boards.worlds import by_world, method_labels, suite_of
from hyperbench.errors import DataError, listed
from hyperbench.files import new_folder
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.agreement import agree
from hyperbench.records.bundle import TABLE as EPISODES
from hyperbench.records.bundle import WEIGHTS
from hyperbench.records.bundling import write_bundles
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.records.gather import PROTOCOL, board_folder, gather, rounded_note
from hyperbench.records.lines import LINES, PLAIN_LINES, SHARED
from hyperbench.records.record import RunRecord
from hyperbench.records.store import POLICIES, RUN_FILES, StoredRun
from hyperbench.registry import Registry
from hyperbench.registry.own import RESERVED

REFERENCES, TABLE, VALUES = "references.parquet", "table.md", "table.csv"
_OURS = (
    *(PROTOCOL, REFERENCES, TABLE, VALUES, f"{RECORDS}/{SHARED}"),
    *(f"{RECORDS}/*{suffix}" for suffix in (LINES, PLAIN_LINES, EPISODES, WEIGHTS)),
    *(f"{RECORDS}/*/{name}" for name in RUN_FILES),  # of boards from before bundles
)
_HEADER = "<!-- Made of the records by `hyperbench publish`. Do not edit: publish again. -->\n\n"
_REMEDY = "Choose another place with --board-dir."


def publish(
    folders: Iterable[Path],
    boards_dir: Path,
    registry: Registry,
    choice: Choice = EVERYTHING,
    tell: Callable[[str], None] = lambda _: None,
    *,
    all_policies: bool = False,
    unverifiable: bool = False,
) -> list[Path]:
    """Add runs to the boards of their suites and protocols, or make the boards; all or nothing.

    A run that is on its board already is not copied again, so that publishing a board's own runs
    makes its tables anew. A finished run takes the place of a failed one.

    Args:
        folders: with runs in or below them.
        boards_dir: of all boards.
        registry: knows the protocols, and so which runs a complete row has.
        choice: which runs to publish. Arms come along with methods where the board lacks them.
        tell: receives a line on what was left out.
        all_policies: keep every policy, not one of each row and family; a board that keeps them
            goes on to.
        unverifiable: whether to take rows whose policies are not stored.

    Returns:
        The folders of the boards.

    Raises:
        HyperbenchError: a run is damaged, belongs to no known protocol, contradicts one that is
            published, some of a row's runs are missing, they are of different code, or nobody could
            verify it. Nothing is written then.
    """
    gathered = gather(find_chosen(folders, choice))
    by_board = _by_place(gathered.runs, boards_dir)
    complete = _complete(by_board, registry, choice, unverifiable=unverifiable)
    with ExitStack() as drafts:
        for board, found in complete.items():
            draft = drafts.enter_context(new_folder(board, _REMEDY, _OURS))
            _write(draft, found, registry, board.name, all_policies or _keeps_all(found, board))
    rounded = list(gathered.rounded)
    for board, new in by_board.items():
        kept = {run.record.key: run.record.results for run in complete[board]}
        asked = [run for run in new if not choice.brings_along(run)]
        finished = [run.record for run in asked if run.record.status == "ok"]
        rounded += [record for record in finished if record.results != kept[record.key]]
    if rounded:
        tell(rounded_note(rounded, {record.key: record.row_label for record in rounded}))
    return sorted(complete)


def refuse_unpublishable(
    folders: Iterable[Path], boards_dir: Path, registry: Registry, choice: Choice = EVERYTHING
) -> None:
    """Write nothing, and raise what ``publish`` would of these runs; arguments as of it."""
    runs = gather(find_chosen(folders, choice)).runs
    _complete(_by_place(runs, boards_dir), registry, choice, unverifiable=False)


def generated_tables(folder: Path) -> dict[str, str]:
    """A committed board's generated files, name to content, made of its records."""
    boards = make_boards(find_runs([folder / RECORDS]))
    return {
        TABLE: _HEADER + markdown_text(boards),
        VALUES: csv_text(boards),
    }


def reference_returns(folder: Path) -> pd.DataFrame:
    """What random and expert earn on a committed board's target tasks: score 0 and score 1.

    Columns: ``family``, ``split_seed``, ``task`` (key), ``random``, ``expert`` (mean returns).
    """
    table = task_table(gather(find_runs([folder / RECORDS])).runs)
    return references(table).reset_index()


def _by_place(runs: Iterable[StoredRun], boards_dir: Path) -> dict[Path, list[StoredRun]]:
    """Runs by the folder of the board that they belong to."""
    found: dict[Path, list[StoredRun]] = {}
    for run in runs:
        board = boards_dir / suite_of(run.record) / run.record.protocol.id
        found.setdefault(board, []).append(run)
    return found


def _complete(
    by_board: Mapping[Path, Sequence[StoredRun]],
    registry: Registry,
    choice: Choice,
    *,
    unverifiable: bool,
) -> dict[Path, tuple[StoredRun, ...]]:
    """Each board's runs and the new ones, once it is sure that all of them may be published."""
    new = [run for runs in by_board.values() for run in runs]
    if not unverifiable:
        _check_stored(new)
    for run in new:
        run.check()
    return {
        board: _with_published(board, runs, registry, choice) for board, runs in by_board.items()
    }


def _with_published(
    board: Path, new: Sequence[StoredRun], registry: Registry, choice: Choice
) -> tuple[StoredRun, ...]:
    """The board's runs and the new ones, once it is sure that they make a board."""
    protocol = registry.protocol(board.name)
    for run in new:
        record = run.record
        if record.protocol.rules_hash != protocol.rules_hash:
            raise DataError(
                f"{run.folder} follows other rules under the name {protocol.id}: those of this "
                "installation differ. Give the other rules a name of their own."
            )
        if _counted(record, record.seeds) not in [
            _counted(record, pair) for pair in protocol.seeds
        ]:
            raise DataError(
                f"{run.folder} has seeds that {protocol.id} does not name: "
                f"split {record.seeds.split}, fit {record.seeds.fit}. Leave it out."
            )
    published: tuple[StoredRun, ...] = ()
    if board.is_dir():
        published = gather(find_runs([board / RECORDS])).runs
    by_key = {run.record.key: run for run in published}
    contradictions = []
    for run in new:
        record = run.record
        known = by_key.get(record.key)
        if known is None or known.record.status == "failed":
            by_key[record.key] = run
        elif record.status == "ok" and not choice.brings_along(run) and not agree(known, run):
            contradictions.append(f"{run.folder} ({record.method}) and {known.folder}")
    if contradictions:
        raise DataError(
            "These have another result than the same run on the board: "
            f"{listed(contradictions, '; ')}. Publish your own method alone, with --method NAME."
        )
    runs = tuple(by_key[key] for key in sorted(by_key))
    for world in by_world(runs):
        records = [run.record for run in world]
        _check_complete(records, protocol)
        _check_code(records)
    return runs


def _check_complete(records: Sequence[RunRecord], protocol: EvalProtocol) -> None:
    """Refuse rows that lack a seed or a family: they would be compared over other tasks."""
    families = {record.family: record.family_info for record in records}
    labels = method_labels(records)
    is_fitted = {labels[record.key]: record.is_fitted for record in records}
    is_fitted |= {arm: False for info in families.values() for arm in arms_of(info)}
    found = {
        (labels[record.key], record.family, _counted(record, record.seeds)) for record in records
    }
    missing = [
        f"{method} on {family} (split {seeds.split}, fit {seeds.fit})"
        for method in sorted(is_fitted)
        for family in sorted(families)
        if method not in RESERVED or method in arms_of(families[family])
        for seeds in protocol.seeds
        if (method, family, seeds if is_fitted[method] else _of_arm(seeds)) not in found
    ]
    if missing:
        raise DataError(
            f"A row of {protocol.id} needs every seed pair and every family of its board, each run "
            f"finished or failed. Missing: {listed(missing)}. "
            f"Run them with: hyperbench run --protocol {protocol.id}"
        )


def _check_stored(runs: Sequence[StoredRun]) -> None:
    """Refuse rows that are new to the boards and that nobody could play again."""
    new = [run.record for run in runs if board_folder(run.folder) is None]
    unstored = {r.row_label: r.not_stored for r in new if r.status == "ok" and r.not_stored}
    if unstored:
        why = "; ".join(f"{row} ({reason})" for row, reason in sorted(unstored.items()))
        raise DataError(
            f"Policies that are not stored cannot be verified by anybody: {why}. Let the method "
            "generate policies of a registered kind, or publish the row as unverifiable, with "
            "--unverifiable."
        )


def _check_code(records: Sequence[RunRecord]) -> None:
    """Refuse rows whose runs were made by different code: they are of no one method."""
    mixed = mixed_rows(records, method_labels(records))
    if mixed:
        rows = ", ".join(f"{row} (code of {', '.join(names)})" for row, names in mixed.items())
        raise DataError(
            f"Runs of one row were made by different code: {rows}. Measure them again as they are "
            "installed, with the same command and --again."
        )


def _counted(record: RunRecord, seeds: SeedPair) -> SeedPair:
    return seeds if record.is_fitted else _of_arm(seeds)


def _of_arm(seeds: SeedPair) -> SeedPair:
    """Seeds of what learns nothing, as arms: one run serves all fits on a split."""
    return SeedPair(split=seeds.split, fit=0)


def _keeps_all(runs: Sequence[StoredRun], board: Path) -> bool:
    """Whether a board that is there, in bundles, keeps all policies."""
    published = [run for run in runs if run.is_bundled and POLICIES in run.record.sha256]
    return bool(published) and board.is_dir() and all(run.keeps_policies for run in published)


def _write(
    draft: Path, runs: Sequence[StoredRun], registry: Registry, protocol: str, all_policies: bool
) -> None:
    (draft / RECORDS).mkdir()
    write_bundles(draft / RECORDS, runs, registry, all_policies=all_policies)
    rules = registry.protocol(protocol).model_dump_json(indent=1)
    (draft / PROTOCOL).write_text(rules + "\n", encoding="utf-8")
    (draft / REFERENCES).write_bytes(reference_returns(draft).to_parquet(index=False))
    for name, text in generated_tables(draft).items():
        (draft / name).write_text(text, encoding="utf-8")
