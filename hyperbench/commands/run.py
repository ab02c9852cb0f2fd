"""``hyperbench run``: plan, execute what is not finished, show the board."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.row import Board
from hyperbench.boards.tables import json_text
from hyperbench.commands.executing import Place, watched
from hyperbench.commands.growing import GrowingBoard
from hyperbench.disk import check_writable
from hyperbench.errors import HyperbenchError
from hyperbench.events import ignore
from hyperbench.executors import Executor, Site
from hyperbench.measuring.locks import has_locks
from hyperbench.measuring.order import in_order
from hyperbench.measuring.plan import Shard, plan
from hyperbench.measuring.plans import write_plan
from hyperbench.measuring.sharing import Due, carry_out
from hyperbench.measuring.standing import Standing, standings
from hyperbench.protocol import EvalProtocol
from hyperbench.records.find import RECORD
from hyperbench.records.record import RunRecord
from hyperbench.registry import installed
from hyperbench.run import Run
from hyperbench.view.boards import print_boards
from hyperbench.view.console import (
    LeftOut,
    output_that_may_fail,
    print_line,
    print_listing,
    standard_error,
    standard_output,
)
from hyperbench.view.event_log import EventLog

_REMEDY = "Choose another folder with --output-dir."
_NO_LOCKS = (
    "The file system of {} has no locks, so who is at a run keeps a file fresh there; after one "
    "that was killed on another machine, 30 seconds pass before its run is taken over."
)
out = standard_output()
err = standard_error()


def run_command(
    *,
    methods: Sequence[str],
    suite: str,
    protocol: EvalProtocol,
    settings: Sequence[str],
    sweep: bool,
    baselines: bool,
    shuffled_spec: bool,
    spec_noises: Sequence[float],
    hidden_features: Sequence[str],
    device: str,
    place: Place,
    timeout: float | None,
    shard: Shard | None,
    events: Path | None,
    checkpoint_seconds: float,
    output_dir: Path,
    data_dir: Path,
    keep: bool,
    again: bool,
    dry_run: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Plan, execute what is not finished, and show the board.

    A finished run whose code has changed since is measured again, unless ``keep``; with ``again``
    every run is.

    Args:
        methods: asked for, as all that follows is for ``plan``.
        suite: a suite or a family.
        protocol: the rules.
        settings: of methods.
        sweep: whether settings have several values, as of ``plan``.
        baselines: whether to measure the registered baseline methods as well.
        shuffled_spec: whether to add runs with shuffled specs.
        spec_noises: for each of which to add runs with so much noise on the specs.
        hidden_features: for each of which to add runs that are not shown it.
        device: for every method.
        place: where runs are carried out.
        timeout: seconds that a run may take; None for as long as it likes.
        shard: the part of the runs that is carried out; None for all.
        events: file to which events are added; None for none.
        checkpoint_seconds: how often a fit is kept, as in ``Site``.
        output_dir: for runs.
        data_dir: for demonstrations.
        keep: whether to accept what other code gave.
        again: whether to measure finished runs again.
        dry_run: whether to show the plan alone.
        as_json: whether to print JSON.
        debug: whether to show tracebacks.

    Returns:
        How many runs failed, and how many families and methods could not be planned.

    Raises:
        HyperbenchError: it cannot be planned, or finished runs are to be kept and measured again.
    """
    if keep and again:
        raise HyperbenchError("--keep and --again exclude each other. Give one of them.")
    registry = installed()
    left_out = LeftOut()
    runs = plan(
        registry,
        methods,
        suite,
        protocol,
        baselines=baselines,
        settings=settings,
        sweep=sweep,
        shuffled_spec=shuffled_spec,
        spec_noises=spec_noises,
        hidden_features=hidden_features,
        device=device,
        data_dir=data_dir,
        notify=left_out,
    )
    num_planned = len(runs)
    if shard is not None:
        runs = shard.of(runs)
    if dry_run:
        _show_plan(standings(runs, output_dir, registry), protocol, keep, again, as_json)
        return left_out.number
    site = Site(
        output_dir.absolute(),
        data_dir.absolute(),
        timeout=timeout,
        checkpoint_seconds=checkpoint_seconds,
        keep=keep,
    )
    # A part of a plan makes no board.
    failed = measured(
        runs, partial(place.make, registry), site, again=again, events=events, grows=shard is None
    )
    if shard is not None:
        print_line(
            f"Shard {shard} of {num_planned} runs: {len(runs) - len(failed)} are done in "
            f"{output_dir.resolve()}. Join the shards with: hyperbench merge",
            out,
        )
        tell_failures(failed, site.runs, debug)
        return left_out.number + len(failed)
    boards = make_boards([output_dir / run.key for run in runs])
    show_boards(boards, output_dir, as_json)
    tell_failures(failed, site.runs, debug)
    return left_out.number + sum(len(board.failures) for board in boards)


def show_boards(boards: Sequence[Board], output_dir: Path, as_json: bool) -> None:
    """Show boards on standard output, and say where their records are."""
    with output_that_may_fail(f"hyperbench leaderboard {output_dir.resolve()}"):
        if as_json:
            print(json_text(boards), end="")
        else:
            print_boards(boards, out)
            print_line(f"Records: {output_dir.resolve()}", out)


def measured(
    runs: Sequence[Run],
    make_executor: Callable[[], Executor],
    site: Site,
    *,
    again: bool = False,
    events: Path | None = None,
    grows: bool = True,
) -> list[RunRecord]:
    """Carry out those of some runs that are not finished, and say which are.

    Args:
        runs: as planned.
        make_executor: where they are carried out; not called if there is nothing to do.
        site: where demonstrations are and records go.
        again: whether to measure finished runs again.
        events: file to which events are added; None for none.
        grows: whether boards of families are shown on the way.

    Returns:
        Records of those that failed, in the order of the plan.

    Raises:
        HyperbenchError: the executor cannot be made, or the folder of runs not be written.
    """
    found = standings(runs, site.runs, installed())
    due = {one.run.key for one in found if one.is_due(keep=site.keep, again=again)}
    _tell(found, [one for one in found if one.run.key not in due], site.runs)
    if not due:
        return []
    executor = make_executor()
    log = EventLog(events) if events else None
    check_writable(site.runs, _REMEDY)
    if not has_locks(site.runs):
        print_line(_NO_LOCKS.format(site.runs), err)
    write_plan(runs, site.runs, _REMEDY)
    pending = [Due(one.run, one.checksum) for one in found if one.run.key in due]
    growing = GrowingBoard(runs if grows else (), due, site.runs, log or ignore)
    return _execute(pending, executor, site, log, growing)


def _show_plan(
    found: Sequence[Standing], protocol: EvalProtocol, keep: bool, again: bool, as_json: bool
) -> None:
    """Show what would be done, for people or programs."""
    due = {one.run.key for one in found if one.is_due(keep=keep, again=again)}
    if as_json:
        print(json.dumps([_planned(one, one.run.key in due) for one in found], indent=1))
        return
    rows = [(one.run.key, _state(one, one.run.key in due), one.run.label) for one in found]
    print_listing(f"{len(found)} runs under {protocol.id}", rows, out)


def _state(found: Standing, is_due: bool) -> str:
    if not is_due:
        return "finished"
    return "to do again" if found.is_finished else "to do"


def _planned(found: Standing, is_due: bool) -> dict[str, Any]:
    """A planned run for programs; of the rules, which all runs share, their name."""
    run = found.run
    said = run.model_dump(mode="json") | {"protocol": run.protocol.id}
    return {"state": _state(found, is_due), "label": run.label, **said}


def _tell(found: Sequence[Standing], kept: Sequence[Standing], folder: Path) -> None:
    """Say what is not measured, and why what is finished is measured again."""
    stale = [one for one in found if one.changed]
    code = ", ".join(sorted({name for one in stale for name in one.changed}))
    said = []
    if kept:
        said.append(
            f"{len(kept)} of {len(found)} runs are finished in {folder} and are not repeated."
        )
    if num_unmarked := sum(one.is_unmarked for one in kept):
        said.append(
            f"From before fingerprints were kept, so that nobody knows whether their code has "
            f"changed: {num_unmarked}. --again measures them again."
        )
    if num_kept := sum(bool(one.changed) for one in kept):
        said.append(f"Kept, though measured with other code of {code}: {num_kept}.")
    elif stale:
        said.append(
            f"Measured again, for the code of {code} has changed since: {len(stale)}. --keep "
            "accepts what other code gave."
        )
    for line in said:
        print_line(line, err)


def _execute(
    pending: Sequence[Due],
    executor: Executor,
    site: Site,
    log: EventLog | None,
    growing: GrowingBoard,
) -> list[RunRecord]:
    """Carry out runs, in processes that may end as they like; this one keeps the books.

    Returns:
        Records of the runs that failed, in the order of the plan.
    """
    ordered = in_order(pending, installed())
    labels = {due.run.key: due.run.label for due in ordered}
    by_key = {due.run.key: due.run for due in ordered}
    site = replace(site, num_threads=executor.num_threads(len(pending)))
    records = []
    with executor, watched(labels, log, by_key, growing.families) as notify:
        for record in carry_out(ordered, executor, site, notify):
            records.append(record)
            growing.add(record)
    places = {due.run.key: place for place, due in enumerate(pending)}
    failed = [record for record in records if record.status == "failed"]
    return sorted(failed, key=lambda record: places[record.key])


def tell_failures(failed: Sequence[RunRecord], output_dir: Path, debug: bool) -> None:
    """Say where each failed run has its record, with its traceback."""
    for record in failed:
        hint = "" if debug or not record.traceback else "; --debug shows its traceback"
        said = f"{record.label} failed: see {output_dir / record.key / RECORD}{hint}"
        if debug and record.traceback:
            said += f"\n{record.traceback}"
        print_line(said, err)
