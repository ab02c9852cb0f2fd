"""The numbers behind a report's charts, whoever draws them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from hyperbench import statistics
from hyperbench.report.content import FamilyContent, Values
from hyperbench.seeding import child_seed

Array = npt.NDArray[np.float64]

THRESHOLDS: Array = np.round(np.linspace(-0.2, 1.2, 71), 2)
"""Scores at which performance profiles are drawn."""


@dataclass(frozen=True)
class Curve:
    """A line, and a band around it where one is known.

    Args:
        x: where, (num_points,).
        y: how high, likewise.
        low: lower end of the band, likewise, NaN where there is none.
        high: upper end.
        notes: per point what a reader may want to know about it.
    """

    x: Array
    y: Array
    low: Array
    high: Array
    notes: tuple[str, ...]

    @property
    def has_band(self) -> bool:
        """Whether the band is wider than the line anywhere."""
        return bool(np.any(self.high > self.low))


def feature_curve(family: FamilyContent, method: str) -> Curve:
    """Mean return over runs against the one feature of a family; the band spans all runs."""
    runs = family.table[family.table["method"] == method]
    by_task = runs.groupby("task")["mean_return"].agg(["mean", "min", "max", "count"])
    x = np.array([family.targets[key][0] for key in by_task.index], dtype=np.float64)
    order = np.argsort(x)
    mean, low, high, counts = by_task.to_numpy(np.float64)[order].T
    return Curve(x[order], mean, low, high, tuple(num_runs_note(int(count)) for count in counts))


def feature_grid(family: FamilyContent, method: str) -> tuple[Array, Array, Array]:
    """Mean return over runs on the grid of a family with two features.

    Returns:
        Values of the first feature (num_columns,) and the second (num_rows,), and the returns
        (num_rows, num_columns), NaN where nothing was judged.
    """
    points = [*family.targets.values(), *source_fractions(family)]
    columns, rows = (np.unique([point[i] for point in points]) for i in (0, 1))
    grid = np.full((len(rows), len(columns)), np.nan)
    runs = family.table[family.table["method"] == method]
    for key, value in runs.groupby("task")["mean_return"].mean().items():
        x, y = family.targets[str(key)]
        grid[np.searchsorted(rows, y), np.searchsorted(columns, x)] = value
    return columns, rows, grid


def source_fractions(family: FamilyContent) -> dict[Values, float]:
    """Per spec that is a source on some split, on which fraction of the splits it is."""
    specs = [spec for split in family.sources.values() for spec in split]
    return {spec: specs.count(spec) / len(family.sources) for spec in sorted(set(specs))}


def profile(runs: pd.DataFrame) -> Curve:
    """Performance profile: which share of runs x tasks scores above each threshold.

    Args:
        runs: one method's lines of a ``task_table``.

    Returns:
        Shares at ``THRESHOLDS``; the band is their 95 % interval, where tasks differ.
    """
    strata = {
        str(family): [run["score"].to_numpy(float) for _, run in part.groupby("run")]
        for family, part in runs.groupby("family")
    }
    shares, band = statistics.performance_profile(strata, THRESHOLDS)
    nothing = np.full(len(THRESHOLDS), np.nan)
    low, high = band or (nothing, nothing)
    # Where all tasks came out alike the band follows from the number of runs, for every method the
    # same: drawn, they would cover each other and the curves.
    alike = (shares == 0) | (shares == 1)
    low, high = np.where(alike, np.nan, low), np.where(alike, np.nan, high)
    return Curve(THRESHOLDS, shares, low, high, ("",) * len(THRESHOLDS))


def distance_curve(runs: pd.DataFrame) -> Curve:
    """Score, the mean of clipped ones, against the task's distance to the nearest source spec.

    Args:
        runs: one method's lines of a ``task_table``.

    Returns:
        One point in the middle of each bin of distances; the band is the mean's 95 % interval.
    """
    known = runs.dropna(subset=["distance"])
    # Rounded, or distances that are equal on paper fall into different bins.
    known = known.assign(distance=known["distance"].round(6))
    strata = {
        str(family): [run[["distance", "score"]].to_numpy(float) for _, run in part.groupby("run")]
        for family, part in known.groupby("family")
    }
    method = str(runs["method"].iloc[0])
    rng = np.random.default_rng(child_seed(0, "distance", method))
    bins = statistics.score_by_distance(strata, rng)
    ends = [part.interval or (np.nan, np.nan) for part in bins]
    return Curve(
        np.array([(part.low + part.high) / 2 for part in bins]),
        np.array([part.mean for part in bins]),
        np.array([low for low, _ in ends]),
        np.array([high for _, high in ends]),
        tuple(f"{part.low:.3g} to {part.high:.3g}, {part.num_scores} scores" for part in bins),
    )


def num_runs_note(count: int) -> str:
    """What a point of a curve says of how many runs it is the mean of."""
    return "" if count == 1 else f", mean of {count} runs"
