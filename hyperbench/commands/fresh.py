"""``hyperbench verify --fresh``: rows judged again on tasks that nobody can have tuned on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
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
from hyperbench.split import Region
from hyperbench.threads import num_cores
from hyperbench.verification.fresh import (
    Ground,
    check_is_zero_shot,
    difference_interval,
    fresh_tasks,
    like_with_like,
)
from hyperbench.verification.refit import generator_of
from hyperbench.view.console import print_line, standard_error, standard_output
from hyperbench.view.progress import progress_display

out = standard_output()
err = standard_error()

_PLAYED_ARMS = ("zero-action", "nearest-expert")
"""Beside random and expert, which are 0 and 1; the reuse bound would play many times as much."""


@dataclass(frozen=True)
class FreshRow:
    """One row of a board in one family, judged again.

    Args:
        board: its title.
        family: id.
        row: the method, as the board names it.
        runs: how many were judged.
        public: mean score on record.
        fresh: mean score on fresh tasks.
        difference: the latter less the former.
        interval: of 95 %, of what other runs and other fresh tasks would give; None of one run.
    """

    board: str
    family: str
    row: str
    runs: int
    public: float
    fresh: float
    difference: float
    interval: tuple[float, float] | None

    @classmethod
    def of(
        cls, place: tuple[str, str, str], runs: list[tuple[float, float, pd.Series]]
    ) -> FreshRow:
        """Average over runs: public score, fresh score, and scores on the fresh tasks."""
        public, fresh = (np.array([run[side] for run in runs]) for side in (0, 1))
        return cls(
            *place,
            runs=len(runs),
            public=float(public.mean()),
            fresh=float(fresh.mean()),
            difference=float((fresh - public).mean()),
            interval=difference_interval(fresh - public, np.stack([run[2] for run in runs])),
        )

    @property
    def verdict(self) -> str:
        """Which way it differs, if by more than chance."""
        low, high = self.interval or (0.0, 0.0)
        way = "higher" if low > 0 else "lower" if high < 0 else ""
        return way and f"{way} by more than chance"


def fresh_command(
    folders: Sequence[Path],
    *,
    secret: str,
    num_tasks: int,
    num_threads: int,
    data_dir: Path,
    as_json: bool = False,
    choice: Choice = EVERYTHING,
) -> bool:
    """Judge every method's runs in some folders on fresh tasks, beside what they are on record.

    Args:
        folders: of runs, or boards that hold runs, with their control arms.
        secret: decides the tasks.
        num_tasks: fresh tasks of each family.
        num_threads: physics threads; 0 takes the cores.
        data_dir: root of all demonstrations, for runs whose generator is fitted anew.
        as_json: print the rows as JSON instead of the table.
        choice: of the runs.

    Returns:
        Whether all could be judged.

    Raises:
        DataError: a folder holds no run of a method that succeeded.
    """
    registry = installed()
    parts = board_tables(find_chosen(folders, choice))
    done = [run for part in parts for run in part.runs if run.record.status == "ok"]
    shown = [run for run in done if not run.record.is_faulty]  # faults are shown other specs
    judged = [r for r in shown if not r.record.is_arm or r.record.method in _PLAYED_ARMS]
    if all(run.record.is_arm for run in judged):
        number = sum(len(part.runs) for part in parts)
        raise DataError(f"Of {number} runs none is a method's that succeeded.")
    public = pd.concat([part.table.assign(board=part.title) for part in parts])
    public["score"] = public["score"].clip(0, 1)
    by_run = dict(list(public.set_index("region").groupby("run")))
    site = Site(Path(), data_dir.absolute(), num_threads or num_cores())
    found: dict[tuple[str, str, str], list[tuple[float, float, pd.Series]]] = {}
    problems: dict[str, None] = {}
    for run, fresh in _fresh_scores(judged, registry, site, secret, num_tasks, problems):
        record, lines = run.record, by_run[run.record.key]
        column = "success_rate" if record.family_info.ends_at_success else "score"
        row = str(lines["board"].iloc[0]), record.family, str(lines["method"].iloc[0])
        found.setdefault(row, []).append((*like_with_like(lines[column], fresh), fresh))
    rows = [FreshRow.of(place, runs) for place, runs in sorted(found.items())]
    for problem in problems:
        print_line(problem, err)
    if as_json:
        said = {"secret": secret, "fresh_tasks": num_tasks, "rows": [asdict(row) for row in rows]}
        print(json.dumps(said, indent=1))
        return not problems
    out.print(_table(rows))
    out.print(
        f"{num_tasks} fresh tasks of each family, by the secret {escape(repr(secret))}: who has it "
        "draws the same. Both scores have the same share of tasks beyond the source tasks. "
        "fresh - public: mean over runs, with the 95 % interval of what other runs and other fresh "
        "tasks would give.",
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
) -> list[tuple[StoredRun, pd.Series]]:
    """The fresh scores of each run by region; why one has none goes into ``problems``."""
    grounds: dict[tuple[str, int], Ground | None] = {}
    regions: dict[tuple[str, str, int], list[Region]] = {}
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
                split = record.protocol.split(family, record.seeds.split)
                where = record.family, record.protocol.id, record.seeds.split
                if where not in regions:
                    regions[where] = [split.region(task) for task in ground.tasks]
                if record.is_arm:
                    if record.method not in arms_of(family.info):
                        continue
                    found = ground.scores_of_arm(record.method, split.source, site.num_threads)
                else:
                    check_is_zero_shot(record)
                    with generator_of(run, registry, site, notify) as generator:
                        found = ground.scores_of_run(generator, site.num_threads)
                scores.append((run, pd.Series(found, regions[where])))
                emit(notify, record.key, "fresh tasks", status="ok")
            except HyperbenchError as error:
                problems[f"{record.label}: {error}"] = None
    return scores


def _table(rows: Sequence[FreshRow]) -> Table:
    """The rows of several boards apart, those of one without its name."""
    shown = Table(box=box.SIMPLE_HEAD)
    several = len({row.board for row in rows}) > 1
    for name in (*(("board",) if several else ()), "family", "row"):
        shown.add_column(name, overflow="fold")
    for name in ("runs", "public", "fresh", "fresh - public", "95 % interval", ""):
        shown.add_column(name, justify="right" if name else "left", no_wrap=True)
    for row in rows:
        interval = "" if row.interval is None else "[{:+.3f}, {:+.3f}]".format(*row.interval)
        shown.add_row(
            *((escape(row.board),) if several else ()),
            row.family,
            escape(row.row),
            str(row.runs),
            f"{row.public:.3f}",
            f"{row.fresh:.3f}",
            f"{row.difference:+.3f}",
            escape(interval),
            row.verdict,
        )
    return shown
