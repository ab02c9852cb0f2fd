"""``hyperbench run``: plan, execute what is not finished, show the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.tables import json_text
from hyperbench.commands.prepare import prepare_families
from hyperbench.files import check_writable
from hyperbench.measuring.conductor import Wanted, carry_out, record_failure
from hyperbench.measuring.executors import Site
from hyperbench.measuring.plan import plan
from hyperbench.measuring.processes import Processes
from hyperbench.protocol import EvalProtocol
from hyperbench.records.store import RECORD, StoredRun, is_finished
from hyperbench.registry import installed
from hyperbench.run import Run
from hyperbench.threads import num_cores
from hyperbench.view.boards import print_boards
from hyperbench.view.console import (
    output_that_may_fail,
    print_left_out,
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
    output_dir: Path,
    data_dir: Path,
    dry_run: bool,
    as_json: bool,
    debug: bool,
) -> int:
    """Plan, execute what is not finished, and show the board.

    Returns:
        How many runs failed.
    """
    registry = installed()
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
        notify=print_left_out,
    )
    pending = [run for run in runs if not is_finished(output_dir / run.key)]
    if dry_run:
        rows = [(run.key, "to do" if run in pending else "finished", run.label) for run in runs]
        print_listing(f"{len(runs)} runs under {protocol.id}", rows, out)
        return 0
    if len(pending) < len(runs):
        err.print(
            f"{len(runs) - len(pending)} of {len(runs)} runs are finished in {output_dir} and are "
            "not repeated.",
            highlight=False,
        )
    if pending:
        check_writable(output_dir, "Choose another folder with --output-dir.")
        site = Site(output_dir.absolute(), data_dir.absolute(), timeout=timeout)
        _execute(pending, site, num_jobs, debug)
    boards = make_boards([output_dir / run.key for run in runs])
    with output_that_may_fail(f"hyperbench leaderboard {output_dir.resolve()}"):
        if as_json:
            print(json_text(boards), end="")
        else:
            print_boards(boards, out)
            out.print(f"Records: {output_dir.resolve()}", highlight=False, soft_wrap=True)
    _tell_failures(runs, output_dir.absolute(), debug)
    return sum(len(board.failures) for board in boards)


def _execute(pending: Sequence[Run], site: Site, num_jobs: int, debug: bool) -> None:
    """Carry out runs, in processes that may end as they like; this one keeps the books."""
    num_jobs = min(num_jobs or num_cores(), len(pending))
    learning = {run.family: run.protocol for run in pending if not run.is_arm}
    labels = {run.key: run.label for run in pending}
    with Processes(num_jobs) as executor:
        done = prepare_families(
            [Wanted(family, protocol) for family, protocol in learning.items()],
            executor,
            _shared(site, min(num_jobs, len(learning) or 1)),
            debug,
        )
        without = {prepared.family: prepared for prepared in done if prepared.found is None}
        with progress_display(labels, err) as notify:
            able = []
            for run in pending:
                prepared = without.get(run.family)
                if run.is_arm or prepared is None:
                    able.append(run)
                    continue
                why = f"no demonstrations of {run.family}: {prepared.failure}"
                record_failure(run, why, site, notify, traceback=prepared.traceback)
            for _ in carry_out(able, executor, _shared(site, num_jobs), notify):
                pass


def _shared(site: Site, num_jobs: int) -> Site:
    """The site with the physics threads of each of so many workers."""
    return replace(site, num_threads=max(1, num_cores() // num_jobs))


def _tell_failures(runs: Sequence[Run], output_dir: Path, debug: bool) -> None:
    """Say where each failed run has its record, with its traceback."""
    for run in runs:
        record = StoredRun.read(output_dir / run.key).record
        if record.status != "failed":
            continue
        hint = "" if debug or not record.traceback else "; --debug shows its traceback"
        said = f"{run.label} failed: see {output_dir / run.key / RECORD}{hint}"
        if debug and record.traceback:
            said += f"\n{record.traceback}"
        err.print(said, highlight=False, markup=False, soft_wrap=True)
