"""Scores: each run's target tasks against random and expert, as the tables boards are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from hyperbench import statistics
from hyperbench.boards.worlds import board_titles, by_board, family_labels, method_labels
from hyperbench.errors import HyperbenchError
from hyperbench.records.episodes import MEANS
from hyperbench.records.store import StoredRun
from hyperbench.registry.own import DEMONSTRATOR, EXPERT, RANDOM
from hyperbench.run import Run

_WHERE = ["family", "split_seed", "task"]
_REFERENCES = {RANDOM: (RANDOM,), EXPERT: (EXPERT, DEMONSTRATOR)}
"""Which control arms define score 0 and score 1."""


def is_reference(run: Run) -> bool:
    """Whether a run is of a control arm that defines score 0 or score 1."""
    return run.is_arm and any(run.method in arms for arms in _REFERENCES.values())


def task_table(runs: Sequence[StoredRun], labels: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One line per successful run and target task, with its mean return and score.

    Columns: ``method`` (label), ``is_arm``, ``family`` (label), ``split_seed``, ``fit_seed``,
    ``run`` (key), ``task`` (key), ``region``, ``distance``, ``mean_return``, ``mean_length``,
    ``success_rate``, ``lasting_rate``, ``score``.

    Args:
        runs: of one protocol.
        labels: per run the name of its family's column; if None they follow from the runs.
    """
    everything = [run.record for run in runs]
    labels = labels or family_labels(everything)
    methods = method_labels(everything)
    finished = [run for run in runs if run.record.status == "ok"]
    records = [run.record for run in finished]
    targets = [task for record in records for task in record.targets]
    means = [run.task_means() for run in finished]
    sizes = [len(record.targets) for record in records]

    def per_task(values: list[Any], dtype: type = object) -> npt.NDArray[Any]:
        return np.repeat(np.array(values, dtype=dtype), sizes)

    table = pd.DataFrame(
        {
            "method": per_task([methods[record.key] for record in records]),
            "is_arm": per_task([record.is_arm for record in records], bool),
            "family": per_task([labels[record.key] for record in records]),
            "split_seed": per_task([record.seeds.split for record in records], int),
            "fit_seed": per_task([record.seeds.fit for record in records], int),
            "run": per_task([record.key for record in records]),
            "task": np.array([task.key for task in targets], dtype=object),
            "region": np.array([task.region for task in targets], dtype=object),
            "distance": np.array([task.distance for task in targets], dtype=float),
        }
        | {name: np.concatenate([np.empty(0), *(m[name] for m in means)]) for name in MEANS}
    )
    table = table.join(references(table), on=_WHERE)
    unclear = pd.MultiIndex.from_frame(table[_WHERE]).isin(_unclear(finished, labels))
    table["score"] = statistics.score(
        table["mean_return"].to_numpy(float),
        table[RANDOM].to_numpy(float),
        table[EXPERT].mask(unclear).to_numpy(float),
    )
    return table.drop(columns=[RANDOM, EXPERT])


def _unclear(runs: Sequence[StoredRun], labels: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Where (``_WHERE``) score 1 is not above score 0 beyond the noise of the episodes."""
    played: dict[tuple[str, int], dict[str, StoredRun]] = {}
    for run in runs:
        record = run.record
        for role, arms in _REFERENCES.items():
            if record.is_arm and record.method in arms:
                played.setdefault((labels[record.key], record.seeds.split), {})[role] = run
    found = []
    for (family, split_seed), by_role in played.items():
        if len(by_role) == len(_REFERENCES):
            random, expert = (by_role[role].task_returns() for role in (RANDOM, EXPERT))
            clear = statistics.earns_more(expert, random)
            tasks = by_role[RANDOM].record.targets
            found += [
                (family, split_seed, task.key)
                for task, is_clear in zip(tasks, clear, strict=True)
                if not is_clear
            ]
    return found


def references(table: pd.DataFrame) -> pd.DataFrame:
    """What defines score 0 and score 1 of each target task: mean returns of control arms.

    Args:
        table: of runs, with at least the columns of ``task_table`` up to ``mean_return``.

    Returns:
        By ``family``, ``split_seed`` and ``task`` the columns ``random`` and ``expert``; where a
        family has no expert, what its demonstrators earn.
    """
    return pd.DataFrame(
        {
            name: table[table["is_arm"] & table["method"].isin(played)]
            .groupby(_WHERE)["mean_return"]
            .mean()
            for name, played in _REFERENCES.items()
        }
    )


def long_table(runs: Sequence[StoredRun]) -> pd.DataFrame:
    """One line per finished run and target task.

    Columns: ``protocol``, ``rules`` (their hash), those of ``task_table``, and
    ``features``: the values of the task's features in their units, as JSON.
    """
    parts = []
    for key, found in by_board(runs).items():
        part = task_table(found)
        features = {
            task.key: json.dumps(task.features, sort_keys=True)
            for run in found
            for task in run.record.targets
        }
        part["features"] = part["task"].map(features)
        part.insert(0, "rules", key.rules)
        part.insert(0, "protocol", key.protocol)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def score_arrays(runs: Sequence[StoredRun]) -> dict[str, npt.NDArray[np.float64]]:
    """Per method its scores, (num_runs, num_tasks): what rliable's functions take.

    A row is a pair of seeds, in their order. The columns are the target tasks of all families, one
    family after the other, each in the order of the tasks' keys; as another split has other target
    tasks, a column is not one task. A run that failed or is missing is NaN in its family's columns.

    Raises:
        HyperbenchError: the runs are of several boards, which one array must not mix.
    """
    titles = board_titles(by_board(runs))
    if len(titles) > 1:
        raise HyperbenchError(
            f"A file of arrays holds one board, found {len(titles)}: "
            f"{'; '.join(titles.values())}. Give the runs of one."
        )
    table = task_table(runs).sort_values(["family", "task"])
    sizes = {
        family: max(len(run) for _, run in rows.groupby("run"))
        for family, rows in table.groupby("family")
    }
    scores = {
        key: rows["score"].to_numpy(float)
        for key, rows in table.groupby(["method", "split_seed", "fit_seed", "family"])
    }
    records = [run.record for run in runs]
    labels = method_labels(records)
    # Arms do not depend on the fit seed: several pairs may share one run of theirs.
    pairs = {(r.seeds.split, r.seeds.fit) for r in records if r.is_fitted}
    due = {
        (labels[r.key], split, fit)
        for r in records
        for split, fit in (pairs if r.is_fitted else {(r.seeds.split, r.seeds.fit)})
    }
    rows_of: dict[str, list[npt.NDArray[np.float64]]] = {}
    for method, split, fit in sorted(due):
        row = [
            scores.get((method, split, fit, family), np.full(size, np.nan))
            for family, size in sizes.items()
        ]
        rows_of.setdefault(method, []).append(np.concatenate(row))
    return {method: np.stack(rows) for method, rows in rows_of.items()}
