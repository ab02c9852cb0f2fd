"""Which runs belong together: those of one family and split, and those of two methods."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from hyperbench.statistics.scores import Array


class RunKey(NamedTuple):
    """What a method's run has in common with other methods' runs."""

    family: str
    """Label, as a board's column has it."""
    split_seed: int
    fit_seed: int

    def __str__(self) -> str:
        return f"{self.family} (split {self.split_seed}, fit {self.fit_seed})"


def scores_by_run(table: pd.DataFrame, quantity: str = "score") -> dict[RunKey, Array]:
    """Per run its target tasks' scores, in the order of the tasks' keys.

    Runs of one family and split therefore list the same tasks in the same order.

    Args:
        table: one method's lines of ``scores.task_table``.
        quantity: the column to read.
    """
    columns = ["family", "split_seed", "fit_seed", "task", quantity]
    ordered = table[columns].sort_values(columns[:-1], kind="stable", ignore_index=True)
    runs = ordered[columns[:3]]
    is_first = (runs != runs.shift()).any(axis=1).to_numpy()
    bounds = [*np.flatnonzero(is_first).tolist(), len(ordered)]
    scores = ordered[quantity].to_numpy(float)
    names = runs[is_first].itertuples(index=False)
    return {
        RunKey(str(family), int(split), int(fit)): scores[start:end]
        for (family, split, fit), (start, end) in zip(names, pairwise(bounds), strict=True)
    }


def strata(runs: Mapping[RunKey, Array]) -> dict[str, list[Array]]:
    """Per family the parts that are independent of each other.

    Those are splits: runs that share a split share what could be learned and what was judged, so
    their scores are put together. Where there is one split alone, they are its fits.

    Args:
        runs: per run an array whose first axis is the tasks'.
    """
    found: dict[str, dict[int, list[Array]]] = {}
    splits: dict[str, set[int]] = {}
    for key in runs:
        splits.setdefault(key.family, set()).add(key.split_seed)
    for key in sorted(runs):
        part = key.split_seed if len(splits[key.family]) > 1 else key.fit_seed
        found.setdefault(key.family, {}).setdefault(part, []).append(runs[key])
    return {
        family: [np.concatenate(together) for together in parts.values()]
        for family, parts in found.items()
    }
