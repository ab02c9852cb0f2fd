"""The runs in some folders, each once, whichever machines they come from."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hyperbench.errors import DataError, listed
from hyperbench.files import new_folder
from hyperbench.records.agreement import agree
from hyperbench.records.bundled import open_run
from hyperbench.records.find import RECORDS, find_runs, runs_below
from hyperbench.records.record import RunRecord, SplitEntry
from hyperbench.records.store import EPISODES, RUN_FILES, StoredRun

PROTOCOL = "protocol.json"
"""A committed board is a folder with its protocol and, in ``records``, its runs."""


@dataclass(frozen=True)
class Gathered:
    """What ``gather`` found.

    Args:
        runs: each run once, in the order of their keys.
        remeasured: records that were left out because a committed board has the same run with
            another result.
        rounded: records that were left out because another one of the same run agrees with them,
            as ``agreement.agree`` says, but not to the last digit.
    """

    runs: tuple[StoredRun, ...]
    remeasured: tuple[RunRecord, ...]
    rounded: tuple[RunRecord, ...] = ()


def gather(folders: Iterable[Path], damaged: list[str] | None = None) -> Gathered:
    """Read runs, each once: what is chosen depends on the records alone, not on their order.

    A finished run counts before a failed attempt at it. Of several finished ones the one on a
    committed board counts, whatever the others say; without a board they must agree, and the one
    that was made first counts.

    Args:
        folders: run folders, as ``find.find_runs`` lists them.
        damaged: receives what is wrong with each run that cannot be read, which is left out; if
            not given, such a run is refused.

    Raises:
        DataError: a record or its episodes are damaged, or records of one run disagree.
    """
    by_key: dict[str, list[StoredRun]] = {}
    splits: dict[tuple[str, str, int], SplitEntry | None] = {}
    with _collector_paused():
        for folder in folders:
            try:
                run = open_run(folder)
                if run.record.status == "ok":
                    run.check(EPISODES)
            except DataError as error:
                if damaged is None:
                    raise
                damaged.append(str(error))
                continue
            record = run.record
            # All methods share a split, which is most of a record: kept once, it saves memory.
            place = (record.family, record.protocol.id, record.seeds.split)
            if splits.setdefault(place, record.split) == record.split:
                run = replace(run, record=record.model_copy(update={"split": splits[place]}))
            by_key.setdefault(record.key, []).append(run)
    runs, remeasured, rounded, contradictions = [], [], [], []
    for key in sorted(by_key):
        finished = [copy for copy in by_key[key] if copy.record.status == "ok"] or by_key[key]
        published = [copy for copy in finished if board_folder(copy.folder)]
        chosen = min(published or finished, key=_first_made)
        runs.append(chosen)
        for copy in finished:
            if agree(chosen, copy):
                if copy.record.results != chosen.record.results:
                    rounded.append(copy.record)
            elif published and copy not in published:
                remeasured.append(copy.record)
            else:
                one, other = sorted([chosen.folder, copy.folder])
                contradictions.append(f"{one} and {other}")
    if contradictions:
        raise DataError(
            f"Two different records of one run: {listed(contradictions, '; ')}. "
            "Leave one of them out."
        )
    return Gathered(tuple(runs), tuple(remeasured), tuple(rounded))


def board_folder(run: Path) -> Path | None:
    """The committed board that a run folder is part of, or None."""
    *_, board, records, _method, _key = ["", "", *run.absolute().parts]
    if records != RECORDS or not board:
        return None
    folder = run.absolute().parents[2]
    return folder if (folder / PROTOCOL).is_file() else None


def merge(
    folders: Iterable[Path],
    output: Path,
    damaged: list[str] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[StoredRun, ...]:
    """Collect the runs of several folders in one, where the same command would have put them.

    Args:
        folders: with runs in or below them.
        output: of the runs; what it holds already is kept, and must agree as well.
        damaged: as of ``gather``.
        tell: receives a line on what was left out.

    Returns:
        The runs that were copied, as they were.

    Raises:
        DataError: a run is damaged, two records of one run disagree, or the output cannot be
            written. Nothing is copied then.
    """
    sources = {*find_runs(folders), *(runs_below(output).values() if output.is_dir() else ())}
    gathered = gather(sorted(sources), damaged)
    if gathered.remeasured:
        differing = [f"{r.key} ({r.method} on {r.family})" for r in gathered.remeasured]
        raise DataError(
            "These runs have another result on a committed board than where they were measured "
            f"again: {listed(differing)}. Merge one of them only."
        )
    copied = []
    if bundled := [run for run in gathered.runs if run.is_bundled]:
        raise DataError(
            f"{board_folder(bundled[0].folder)} is a committed board, which keeps only some of its "
            "runs' policies: there is no folder of a run to copy. `hyperbench leaderboard` and "
            "`hyperbench publish` read it as it is."
        )
    for run in gathered.runs:
        if run.folder.resolve() == (output / run.record.key).resolve():
            continue
        try:
            run.check()
        except DataError as error:
            if damaged is None:
                raise
            damaged.append(str(error))
        else:
            copied.append(run)
    remedy = "Choose another place with --output-dir."
    for run in copied:
        with new_folder(output / run.record.key, remedy, RUN_FILES) as draft:
            _copy(run.folder, draft)
    if gathered.rounded:
        tell(rounded_note(gathered.rounded, {r.key: r.row_label for r in gathered.rounded}))
    return tuple(copied)


def _copy(source: Path, target: Path) -> None:
    """Copy what a folder holds into another; modes and times, which may be refused, are not."""
    for place, _, files in os.walk(source):
        into = target / Path(place).relative_to(source)
        into.mkdir(exist_ok=True)
        for name in files:
            shutil.copyfile(Path(place) / name, into / name)


def rounded_note(rounded: Iterable[RunRecord], labels: Mapping[str, str]) -> str:
    """Say whose runs were measured twice with the same result.

    Args:
        rounded: the records that were left out.
        labels: per run the name of its row.
    """
    rows = sorted({labels[record.key] for record in rounded})
    return (
        "Measured more than once with the same result but for rounding; the committed board's "
        f"counts, or else what was made first: {', '.join(rows)}."
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep Python from walking through all records again and again: they hold no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _first_made(run: StoredRun) -> tuple[object, ...]:
    """What orders measurements of one run, wherever they lie."""
    record = run.record
    return record.provenance.created, sorted(record.results.items()), run.folder
