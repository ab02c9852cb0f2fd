"""``hyperbench run``: plan, execute what is not finished, show the board."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.tables import json_text
from hyperbench.commands.prepare import prepare_family
from hyperbench.errors import HyperbenchError
from hyperbench.files import check_writable
from hyperbench.measuring.conductor import Wanted, carry_out
from hyperbench.measuring.executors import Executor, Here, Processes, Site
from hyperbench.measuring.plan import plan
from hyperbench.measuring.standing import Standing, standings
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import installed
from hyperbench.run import Run
from hyperbench.threads import num_cores
from hyperbench.view.boards import print_boards
from hyperbench.view.console import print_left_out, print_listing, standard_output
from hyperbench.view.progress import progress_display

out = standard_output()
err = Console(stderr=True)


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
    output_dir: Path,
    data_dir: Path,
    keep: bool,
    again: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Plan, execute what is not finished, and show the board.

    A finished run whose code has changed since is measured again, unless ``keep``; with ``again``
    every run is.

    Returns:
        How many runs failed.

    Raises:
        HyperbenchError: it cannot be planned, or finished runs are to be kept and measured again.
    """
    if keep and again:
        raise HyperbenchError("--keep and --again exclude each other. Give one of them.")
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
    found = standings(runs, output_dir, registry)
    pending = [
        one.run for one in found if again or not one.is_finished or (one.changed and not keep)
    ]
    if dry_run:
        rows = [(one.run.key, _state(one, one.run in pending), one.run.label) for one in found]
        print_listing(f"{len(runs)} runs under {protocol.id}", rows, out)
        return 0
    _tell(found, pending, output_dir)
    if pending:
        check_writable(output_dir, "Choose another folder with --output-dir.")
        site = Site(output_dir.absolute(), data_dir.absolute(), num_cores())
        _execute(pending, site, num_jobs, keep)
    boards = make_boards([output_dir / run.key for run in runs])
    if as_json:
        print(json_text(boards), end="")
    else:
        print_boards(boards, out)
        line = f"Records: {output_dir.resolve()}"
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    return sum(len(board.failures) for board in boards)


def _state(found: Standing, is_pending: bool) -> str:
    if not is_pending:
        return "finished"
    return "to do again" if found.is_finished else "to do"


def _tell(found: Sequence[Standing], pending: Sequence[Run], folder: Path) -> None:
    """Say what is not measured, and why what is finished is measured again."""
    kept = [one for one in found if one.run not in pending]
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
    if num_kept := sum(one in kept for one in stale):
        said.append(f"Kept, though measured with other code of {code}: {num_kept}.")
    elif stale:
        said.append(
            f"Measured again, for the code of {code} has changed since: {len(stale)}. --keep "
            "accepts what other code gave."
        )
    for line in said:
        err.print(line, highlight=False, markup=False, soft_wrap=True)


def _execute(pending: list[Run], site: Site, num_jobs: int, keep: bool) -> None:
    num_jobs = min(num_jobs or num_cores(), len(pending))
    num_threads = max(1, num_cores() // num_jobs)
    learning = {run.family: run.protocol for run in pending if not run.is_arm}
    for family, protocol in learning.items():
        prepare_family(Wanted(family, protocol, keep), site, quiet=True)
    executor: Executor = Here() if num_jobs == 1 else Processes(num_jobs)
    labels = {run.key: run.label for run in pending}
    with _kept_for_the_board(), progress_display(labels, err) as notify:
        for _ in carry_out(pending, executor, replace(site, num_threads=num_threads), notify):
            pass


@contextmanager
def _kept_for_the_board() -> Iterator[None]:
    """Send what methods and libraries print to standard error: whoever pipes wants the board."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)  # for extension modules and workers, which do not go by sys.stdout
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
