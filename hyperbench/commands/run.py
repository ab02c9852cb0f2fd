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
from hyperbench.files import check_writable
from hyperbench.measuring.conductor import Wanted, carry_out
from hyperbench.measuring.executors import Executor, Here, Processes, Site
from hyperbench.measuring.plan import plan
from hyperbench.protocol import EvalProtocol
from hyperbench.records.store import is_finished
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
    dry_run: bool,
    as_json: bool,
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
            markup=False,
            soft_wrap=True,
        )
    if pending:
        check_writable(output_dir, "Choose another folder with --output-dir.")
        _execute(pending, Site(output_dir.absolute(), data_dir.absolute(), num_cores()), num_jobs)
    boards = make_boards([output_dir / run.key for run in runs])
    if as_json:
        print(json_text(boards), end="")
    else:
        print_boards(boards, out)
        line = f"Records: {output_dir.resolve()}"
        out.print(line, highlight=False, markup=False, soft_wrap=True)
    return sum(len(board.failures) for board in boards)


def _execute(pending: list[Run], site: Site, num_jobs: int) -> None:
    num_jobs = min(num_jobs or num_cores(), len(pending))
    num_threads = max(1, num_cores() // num_jobs)
    learning = {run.family: run.protocol for run in pending if not run.is_arm}
    for family, protocol in learning.items():
        prepare_family(Wanted(family, protocol), site, quiet=True)
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
