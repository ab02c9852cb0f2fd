"""What the commands that measure and compare do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from hyperbench import executors
from hyperbench.conductor import Places, ensure_demonstrations, is_finished
from hyperbench.console import (
    print_boards,
    print_listing,
    print_published,
    print_study,
    progress_display,
    standard_output,
)
from hyperbench.errors import DataError, HyperbenchError, UnknownNameError
from hyperbench.export import TEXT_FORMATS
from hyperbench.leaderboard import make_boards
from hyperbench.plan import Run, plan
from hyperbench.protocol import EvalProtocol
from hyperbench.record import find_runs
from hyperbench.registry import Registry, installed
from hyperbench.study import STUDY, read_study, require_optuna
from hyperbench.tune import continue_study, make_case, new_study, tuning_protocol

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
    )
    pending = [run for run in runs if not is_finished(run, output_dir)]
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
        _check_writable(output_dir)
        _execute(registry, pending, Places(output_dir, data_dir), num_jobs)
    boards = make_boards([output_dir / run.key for run in runs])
    if as_json:
        from hyperbench.report.tables import json_text

        print(json_text(boards), end="")
    else:
        print_boards(boards, out)
        out.print(f"Records: {output_dir.resolve()}", highlight=False, soft_wrap=True)
    return sum(len(board.failures) for board in boards)


def prepare_command(suite: str, protocol: EvalProtocol, data_dir: Path, num_threads: int) -> None:
    """Make the demonstrations of a suite's families."""
    registry = installed()
    for entry in registry.select_families(suite):
        _prepare(registry, entry.id, protocol, data_dir, num_threads or num_cores())


def tune_command(
    *,
    method: str,
    suite: str,
    protocol: EvalProtocol,
    num_splits: int,
    num_trials: int,
    seed: int,
    settings: Sequence[str],
    device: str,
    output_dir: Path,
    data_dir: Path,
    num_threads: int,
) -> None:
    """Begin or continue a study and show its best trials.

    Raises:
        HyperbenchError: tuning is impossible as asked, or every trial failed.
    """
    require_optuna()
    registry = installed()
    search = registry.method_class(method).Config.SEARCH
    rules = tuning_protocol(protocol, num_splits)
    planned = plan(
        registry,
        [method],
        suite,
        rules,
        baselines=False,
        settings=settings,
        device=device,
        data_dir=data_dir,
    )
    runs = [run for run in planned if not run.is_arm]
    study = new_study(runs, search, seed)
    folder = output_dir / f"{method}-{study.key}"
    study = read_study(folder) or study
    num_threads = num_threads or num_cores()
    pending = range(len(study.trials), num_trials)
    if pending:
        _check_writable(output_dir)
        for family in study.families:
            _prepare(registry, family, rules, data_dir, num_threads, quiet=True)
        cases = [make_case(run, registry, data_dir, num_threads) for run in runs]
        labels = {str(number): f"trial {number}" for number in pending}
        with progress_display(labels, err) as notify:
            study = continue_study(
                study,
                cases,
                registry,
                folder,
                num_trials=num_trials,
                num_threads=num_threads,
                notify=notify,
            )
    print_study(study, out)
    out.print(f"Study: {folder.resolve() / STUDY}", highlight=False, soft_wrap=True)
    if not study.ranked:
        raise HyperbenchError(f"All {len(study.trials)} trials of {method!r} failed.")


def leaderboard_command(folders: Sequence[Path], format_: str, output: Path | None) -> None:
    """Show the boards of the runs in some folders, and published tables where they are asked for.

    Raises:
        HyperbenchError: there are no runs, one is damaged, or the format cannot hold them.
    """
    from hyperbench.published import find_published

    if format_ not in ("table", *TEXT_FORMATS):
        raise UnknownNameError("format", format_, ("table", *TEXT_FORMATS))
    tables = find_published(folders)
    published = [table for found in tables.values() for table in found]
    if published and format_ not in ("table", "markdown"):
        raise HyperbenchError(
            f"Published figures are shown as table or markdown, not as {format_}: their own files "
            "are JSON, and none is mixed with measured rows."
        )
    measured = [folder for folder in folders if folder not in tables]
    boards = make_boards(find_runs(measured)) if measured else []

    def show(console: Console) -> None:
        if boards:
            print_boards(boards, console)
        print_published(published, console)

    def text() -> str:
        parts = [TEXT_FORMATS[format_](boards)] if boards else []
        return "\n".join([*parts, *(table.markdown for table in published)])

    if output is None:
        if format_ == "table":
            show(out)
        else:
            print(text(), end="")
        return
    try:
        with output.open("w", encoding="utf-8") as file:
            if format_ == "table":
                show(Console(file=file, width=120))
            else:
                file.write(text())
    except OSError as error:
        raise DataError(f"{output} cannot be written: {error.strerror}.") from error


def _execute(registry: Registry, pending: list[Run], places: Places, num_jobs: int) -> None:
    num_jobs = min(num_jobs or num_cores(), len(pending))
    num_threads = max(1, num_cores() // num_jobs)
    learning = {run.family: run.protocol for run in pending if not run.is_arm}
    for family, protocol in learning.items():
        _prepare(registry, family, protocol, places.data, num_cores(), quiet=True)
    with progress_display({run.key: run.label for run in pending}, err) as notify:
        if num_jobs == 1:
            records = executors.run_here(
                pending, registry, places, num_threads=num_threads, notify=notify
            )
        else:
            records = executors.run_in_processes(
                pending, places, num_jobs=num_jobs, num_threads=num_threads, notify=notify
            )
        for _ in records:
            pass


def _prepare(
    registry: Registry,
    id_: str,
    protocol: EvalProtocol,
    data_dir: Path,
    num_threads: int,
    quiet: bool = False,
) -> None:
    family = registry.make_family(id_)
    with progress_display({id_: id_}, err) as notify:
        found, problem = ensure_demonstrations(
            family, protocol, data_dir, num_threads=num_threads, notify=notify
        )
        if problem is not None:
            notify(id_, "ok")
    if problem not in (None, "missing"):
        err.print(f"Demonstrations of {id_} were {problem}. They were made again.")
    if not quiet:
        size = sum(path.stat().st_size for path in (found.folder / "data").iterdir())
        state = "sound" if problem is None else "made"
        num_episodes = len(family.tasks) * int(found.identity["num_episodes"])
        out.print(
            f"{id_}: {num_episodes} episodes {state}, {size / 1e6:.0f} MB in {found.folder}",
            highlight=False,
            soft_wrap=True,
        )


def _check_writable(folder: Path) -> None:
    """Find out before an hour of fitting whether its result can be kept."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"Runs cannot be written to {folder}: {error.strerror}. "
            "Choose another folder with --output-dir."
        ) from error


def num_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
