"""``hyperbench verify --fresh``: rows judged again on tasks that nobody can have tuned on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich import box
from rich.markup import escape
from rich.table import Table

from hyperbench.arms import arms_of
from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.boards.leaderboard import board_tables
from hyperbench.errors import DataError, HyperbenchError
from hyperbench.events import emit
from hyperbench.executors import Site
from hyperbench.records.store import StoredRun
from hyperbench.registry import Registry, installed
from hyperbench.statistics import t_interval
from hyperbench.threads import num_cores
from hyperbench.verification.fresh import Ground, check_reads_spec_alone, fresh_tasks
from hyperbench.verification.refit import generator_of
from hyperbench.view.console import print_line, standard_error, standard_output
from hyperbench.view.progress import progress_display

out = standard_output()
err = standard_error()

_PLAYED_ARMS = ("zero-action", "nearest-expert")
"""Beside random and expert, which are 0 and 1; the reuse bound would play many times as much."""


def fresh_command(
    folders: Sequence[Path],
    *,
    secret: str,
    num_tasks: int,
    num_threads: int,
    data_dir: Path,
    choice: Choice = EVERYTHING,
) -> bool:
    """Judge every method's runs in some folders on fresh tasks, beside what they are on record.

    Args:
        folders: of runs, or boards that hold runs, with their control arms.
        secret: decides the tasks.
        num_tasks: fresh tasks of each family.
        num_threads: physics threads; 0 takes the cores.
        data_dir: root of all demonstrations, for runs whose generator is fitted anew.
        choice: of the runs.

    Returns:
        Whether all could be judged.

    Raises:
        DataError: a folder holds no run of a method that succeeded.
    """
    registry = installed()
    parts = board_tables(find_chosen(folders, choice))
    done = [run for part in parts for run in part.runs if run.record.status == "ok"]
    judged = [r for r in done if not r.record.is_arm or r.record.method in _PLAYED_ARMS]
    if all(run.record.is_arm for run in judged):
        number = sum(len(part.runs) for part in parts)
        raise DataError(f"Of {number} runs none is a method's that succeeded.")
    public = pd.concat([part.table.assign(board=part.title) for part in parts])
    public["score"] = public["score"].clip(0, 1)
    by_run = public.groupby("run")
    rows_of = by_run[["board", "method"]].first().to_dict()
    means = by_run[["score", "success_rate"]].mean().to_dict()
    site = Site(Path(), data_dir.absolute(), num_threads or num_cores())
    rows: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    problems: dict[str, None] = {}
    for run, score in _fresh_scores(judged, registry, site, secret, num_tasks, problems):
        record = run.record
        column = "success_rate" if record.family_info.ends_at_success else "score"
        row = rows_of["board"][record.key], record.family, rows_of["method"][record.key]
        known = float(means[column][record.key])
        rows.setdefault(row, []).append((known, score))
    out.print(_table(rows))
    for problem in problems:
        print_line(problem, err)
    out.print(
        f"{num_tasks} fresh tasks of each family, by the secret {escape(repr(secret))}: who has it "
        "draws the same. fresh - public: mean over runs, with the 95 % interval of their mean.",
        style="dim",
        highlight=False,
    )
    return not problems


def _fresh_scores(
    runs: Sequence[StoredRun],
    registry: Registry,
    site: Site,
    secret: str,
    num_tasks: int,
    problems: dict[str, None],
) -> list[tuple[StoredRun, float]]:
    """The fresh score of each run; why one has none goes into ``problems``."""
    grounds: dict[tuple[str, int], Ground | None] = {}
    scores = []
    with progress_display({run.record.key: run.record.label for run in runs}, err) as notify:
        for run in runs:
            record = run.record
            with record.naming_its_files():
                family = registry.make_family(record.family)
            try:
                episodes = record.protocol.num_episodes
                place = record.family, episodes
                if place not in grounds:
                    grounds[place] = None
                    tasks = fresh_tasks(family, secret, num_tasks)
                    grounds[place] = Ground.make(family, tasks, episodes, site.num_threads)
                ground = grounds[place]
                if ground is None:
                    continue
                if record.is_arm:
                    if record.method in arms_of(family.info):
                        source = record.protocol.split(family, record.seeds.split).source
                        score = ground.score_of_arm(record.method, source, site.num_threads)
                        scores.append((run, score))
                    continue
                check_reads_spec_alone(record)
                with generator_of(run, registry, site, notify) as generator:
                    score = ground.score_of_run(generator, site.num_threads)
                scores.append((run, score))
                emit(notify, record.key, "fresh tasks", status="ok")
            except HyperbenchError as error:
                problems[f"{record.label}: {error}"] = None
    return scores


def _table(rows: dict[tuple[str, ...], list[tuple[float, float]]]) -> Table:
    """The rows of several boards apart, those of one without its name."""
    shown = Table(box=box.SIMPLE_HEAD)
    several = len({board for board, *_ in rows}) > 1
    for name in (*(("board",) if several else ()), "family", "row"):
        shown.add_column(name, overflow="fold")
    for name in ("runs", "public", "fresh", "fresh - public", "95 % interval", ""):
        shown.add_column(name, justify="right" if name else "left", no_wrap=True)
    for (board, family, method), pairs in sorted(rows.items()):
        public, fresh = np.array(pairs).T
        interval = _interval(fresh - public)
        text, word = "", ""
        if interval is not None:
            text = f"[{interval[0]:+.3f}, {interval[1]:+.3f}]"
            if interval[0] > 0 or interval[1] < 0:
                word = "differs by more than chance"
        shown.add_row(
            *((escape(board),) if several else ()),
            family,
            escape(method),
            str(len(pairs)),
            f"{public.mean():.3f}",
            f"{fresh.mean():.3f}",
            f"{(fresh - public).mean():+.3f}",
            escape(text),
            word,
        )
    return shown


def _interval(differences: npt.NDArray[np.float64]) -> tuple[float, float] | None:
    """Student's, over runs; None of fewer than two, or where they do not differ."""
    return t_interval(differences) if np.ptp(differences) else None
