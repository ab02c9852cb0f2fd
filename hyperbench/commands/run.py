"""``hyperbench run``: plan, execute what is not finished, show the board."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.tables import json_text
from hyperbench.commands.prepare import prepare_families
from hyperbench.disk import check_writable
from hyperbench.errors import HyperbenchError
from hyperbench.measuring.conductor import carry_out, record_failure
from hyperbench.measuring.executors import Site
from hyperbench.measuring.plan import plan
from hyperbench.measuring.preparing import Wanted
from hyperbench.measuring.processes import Processes
from hyperbench.measuring.standing import Standing, standings
from hyperbench.protocol import EvalProtocol
from hyperbench.records.record import RunRecord
from hyperbench.records.store import RECORD
from hyperbench.registry import installed
from hyperbench.run import Run
from hyperbench.threads import num_cores
from hyperbench.view.boards import print_boards
from hyperbench.view.console import (
    LeftOut,
    output_that_may_fail,
    print_line,
    print_listing,
    standard_error,
    standard_output,
)
from hyperbench.view.progress import progress_display

out = standard_output()
err = standard_error()


def run_command(
    *,
    methods: Sequence[str],
    suite: str,
    protocol: EvalProtocol,
    settings: Sequence[str],
    baselines: bool,
    shuffled_spec: bool,
    device: str,
    num_jobs: int,
    timeout: float | None,
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
        shuffled_spec=shuffled_spec,
        device=device,
        data_dir=data_dir,
        notify=left_out,
    )
    found = standings(runs, output_dir, registry)
    due = {one.run.key for one in found if one.is_due(keep=keep, again=again)}
    if dry_run and as_json:
        print(json.dumps([_planned(one, one.run.key in due) for one in found], indent=1))
        return left_out.number
    if dry_run:
        rows = [(one.run.key, _state(one, one.run.key in due), one.run.label) for one in found]
        print_listing(f"{len(runs)} runs under {protocol.id}", rows, out)
        return left_out.number
    kept = [one for one in found if one.run.key not in due]
    _tell(found, kept, output_dir)
    failed: list[RunRecord] = []
    if due:
        check_writable(output_dir, "Choose another folder with --output-dir.")
        site = Site(
            output_dir.absolute(),
            data_dir.absolute(),
            timeout=timeout,
            checkpoint_seconds=checkpoint_seconds,
        )
        pending = [run for run in runs if run.key in due]
        failed = _execute(pending, site, num_jobs, keep=keep, debug=debug)
    boards = make_boards([output_dir / run.key for run in runs])
    with output_that_may_fail(f"hyperbench leaderboard {output_dir.resolve()}"):
        if as_json:
            print(json_text(boards), end="")
        else:
            print_boards(boards, out)
            line = f"Records: {output_dir.resolve()}"
            print_line(line, out)
    _tell_failures(failed, output_dir.absolute(), debug)
    return left_out.number + sum(len(board.failures) for board in boards)


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
    pending: Sequence[Run], site: Site, num_jobs: int, *, keep: bool, debug: bool
) -> list[RunRecord]:
    """Carry out runs, in processes that may end as they like; this one keeps the books.

    Returns:
        Records of the runs that failed, in the order of the plan.
    """
    num_jobs = min(num_jobs or num_cores(), len(pending))
    learning = {run.family: run.protocol for run in pending if not run.is_arm}
    labels = {run.key: run.label for run in pending}
    with Processes(num_jobs) as executor:
        done = prepare_families(
            [Wanted(family, protocol, keep) for family, protocol in learning.items()],
            executor,
            _shared(site, min(num_jobs, len(learning) or 1)),
            debug,
        )
        without = {prepared.family: prepared for prepared in done if prepared.found is None}
        with progress_display(labels, err) as notify:
            able, records = [], []
            for run in pending:
                prepared = without.get(run.family)
                if run.is_arm or prepared is None:
                    able.append(run)
                    continue
                why = f"no demonstrations of {run.family}: {prepared.failure}"
                records.append(record_failure(run, why, site, notify, traceback=prepared.traceback))
            records += carry_out(able, executor, _shared(site, num_jobs), notify)
    places = {run.key: place for place, run in enumerate(pending)}
    failed = [record for record in records if record.status == "failed"]
    return sorted(failed, key=lambda record: places[record.key])


def _shared(site: Site, num_jobs: int) -> Site:
    """The site with the physics threads of each of so many workers."""
    return replace(site, num_threads=max(1, num_cores() // num_jobs))


def _tell_failures(failed: Sequence[RunRecord], output_dir: Path, debug: bool) -> None:
    """Say where each failed run has its record, with its traceback."""
    for record in failed:
        hint = "" if debug or not record.traceback else "; --debug shows its traceback"
        said = f"{record.label} failed: see {output_dir / record.key / RECORD}{hint}"
        if debug and record.traceback:
            said += f"\n{record.traceback}"
        print_line(said, err)
