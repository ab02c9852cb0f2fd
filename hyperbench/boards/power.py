"""Power: how many runs and episodes show a difference of a given size.

What is planned is a t-test of the difference between two methods' scores (a run's mean over its
target tasks, each counted as 0 below and as 1 above), paired by seeds, two-sided at 5 %. The
difference varies between runs, since another split and another initialisation give another score,
which more runs alone average out; and within a run, since a task's return is the mean of few
episodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from hyperbench.boards.pairing import RunKey
from hyperbench.boards.scores import references
from hyperbench.errors import DataError
from hyperbench.records.store import StoredRun
from hyperbench.registry.own import EXPERT, RANDOM
from hyperbench.statistics import MIN_RUNS_FOR_INTERVAL
from hyperbench.statistics.scores import Array
from hyperbench.table import Table

POWER, LEVEL = 0.8, 0.05
"""Chance to find a difference that is there; chance to find one that is not."""
_EPISODES = (1, 4, 10, 20, 50)
MOST_RUNS = 100_000
_NUM_POINTS = 1000


@dataclass(frozen=True)
class Spread:
    """How much the difference of two methods' scores varies on one family.

    Args:
        family: its label.
        num_runs: pairs of runs it was seen in.
        num_tasks: target tasks of a run.
        num_episodes: of each of them.
        between: variance between runs, had they endless episodes.
        within: variance within a run of one episode per task.
    """

    family: str
    num_runs: int
    num_tasks: int
    num_episodes: int
    between: float
    within: float

    def variance(self, num_episodes: int) -> float:
        """Variance of a run with so many episodes per task."""
        return self.between + self.within / num_episodes


def spread_of(family: str, runs: Sequence[Array], num_methods: int) -> Spread:
    """Take a family's variance apart.

    Args:
        family: its label.
        runs: each (num_tasks, num_episodes) parts of the run's score: what each episode adds to it
            is the mean over episodes, summed over tasks.
        num_methods: 2 where the parts are differences; 1 where they are one method's, and another
            is taken to vary as much, independently.
    """
    num_tasks, num_episodes = runs[0].shape
    within = float(np.mean([run.var(axis=1, ddof=1).sum() for run in runs]))
    total = float(np.var([run.mean(axis=1).sum() for run in runs], ddof=1))
    factor = 2 / num_methods
    return Spread(
        family=family,
        num_runs=len(runs),
        num_tasks=num_tasks,
        num_episodes=num_episodes,
        between=factor * max(total - within / num_episodes, 0.0),
        within=factor * within,
    )


def power_of(num_runs: int, variances: Sequence[float], difference: float) -> float:
    """Chance that so many pairs of runs a family show a difference.

    Args:
        num_runs: pairs of runs on each family.
        variances: per family, of one pair; what is tested is the mean over families.
        difference: the true one.
    """
    parts = np.array(variances) / len(variances) ** 2
    if not parts.any():
        return 1.0
    degrees = parts.sum() ** 2 / (parts**2 / (num_runs - 1)).sum()
    critical = stats.t.ppf(1 - LEVEL / 2, degrees)
    centre = difference / np.sqrt(parts.sum() / num_runs)
    # The mean over what the estimated deviation may be: scipy's non-central t is NaN far out.
    deviations = np.sqrt(stats.chi2.ppf((np.arange(_NUM_POINTS) + 0.5) / _NUM_POINTS, degrees))
    bounds = critical * deviations / np.sqrt(degrees)
    return float((stats.norm.sf(bounds - centre) + stats.norm.cdf(-bounds - centre)).mean())


def num_runs_needed(variances: Sequence[float], difference: float) -> int:
    """Fewest pairs of runs on each family that show a difference with ``POWER``.

    At least 3, at most 100 000, whichever that shows; arguments as of ``power_of``.
    """
    low, high = MIN_RUNS_FOR_INTERVAL, MOST_RUNS
    while low < high:
        middle = (low + high) // 2
        if power_of(middle, variances, difference) >= POWER:
            high = middle
        else:
            low = middle + 1
    return low


def spreads(
    runs: Sequence[StoredRun],
    table: pd.DataFrame,
    method: str,
    against: str | None = None,
) -> list[Spread]:
    """What the runs seen so far say, for each family with enough of them.

    Args:
        runs: of one board.
        table: their ``task_table``.
        method: a row.
        against: another row, to learn from differences of paired runs; None for a method that
            varies as much as the first, and independently of it.
    """
    parts = [_parts(runs, table, name) for name in (method, against) if name is not None]
    seen = parts[0]
    if against is not None:
        seen = {key: parts[0][key] - parts[1][key] for key in parts[0].keys() & parts[1]}
    families = sorted({key.family for key in seen})
    of_family = {
        family: [seen[key] for key in sorted(seen) if key.family == family] for family in families
    }
    return [
        spread_of(family, found, len(parts))
        for family, found in of_family.items()
        if len(found) >= MIN_RUNS_FOR_INTERVAL
    ]


def _parts(runs: Sequence[StoredRun], table: pd.DataFrame, method: str) -> dict[RunKey, Array]:
    """Per run (num_tasks, num_episodes) what each episode adds to the run's score.

    The score is the mean over tasks, each clipped: where a task's mean lies beyond 0 or 1, single
    episodes move nothing.
    """
    by_key = {run.record.key: run for run in runs}
    known = references(table)
    found = {}
    for key, lines in table[table["method"] == method].groupby("run"):
        if lines["score"].isna().any():
            raise DataError(f"Run {key} of {method!r} has tasks without a score: see the board.")
        episodes = pd.DataFrame(by_key[str(key)].episodes())
        returns = episodes.pivot_table(index="task", columns="episode", values="return")
        if returns.shape[1] < 2:
            raise DataError(
                f"Run {key} of {method!r} has one episode per task: what varies between episodes "
                "and what between runs cannot be told apart."
            )
        family, split_seed, fit_seed = lines.iloc[0][["family", "split_seed", "fit_seed"]]
        bounds = known.loc[[(family, split_seed, task) for task in returns.index]]
        random, expert = bounds[RANDOM].to_numpy(float), bounds[EXPERT].to_numpy(float)
        scores = (returns.to_numpy(float) - random[:, None]) / (expert - random)[:, None]
        means = scores.mean(axis=1, keepdims=True)
        counted = np.where((means > 0) & (means < 1), scores, means.clip(0, 1))
        found[RunKey(str(family), int(split_seed), int(fit_seed))] = counted / len(counted)
    return found


def power_table(title: str, found: Sequence[Spread], difference: float) -> Table:
    """Pairs of runs needed on each family, and on all together, for several numbers of episodes."""
    options = sorted({*_EPISODES, *(spread.num_episodes for spread in found)})

    def needed(spreads: Sequence[Spread]) -> list[str]:
        counts = (
            num_runs_needed([spread.variance(num) for spread in spreads], difference)
            for num in options
        )
        return [f"{count:,}" if count < MOST_RUNS else f"> {MOST_RUNS:,}" for count in counts]

    rows = [
        (
            spread.family,
            str(spread.num_runs),
            f"{spread.between**0.5:.3f}",
            f"{spread.within**0.5:.3f}",
            *needed([spread]),
        )
        for spread in found
    ]
    if len(found) > 1:
        rows.append(("all together", "", "", "", *needed(found)))
    episodes = (f"{num} episode{'s' * (num > 1)}" for num in options)
    header = ("family", "runs seen", "sd between runs", "sd of an episode", *episodes)
    return Table(title, header, tuple(rows), (False,) * len(rows))


def hours_of(runs: Sequence[StoredRun], labels: Mapping[str, str], method: str) -> float | None:
    """Hours that one pair of seeds of a method took, on all its families; None if unknown.

    Args:
        runs: of one board.
        labels: per run, by key, the name of its row.
        method: a row.
    """
    seconds: dict[str, list[float]] = {}
    for record in (run.record for run in runs if labels[run.record.key] == method):
        cost = record.cost
        spent = (cost.fit_seconds, cost.generate_seconds, cost.rollout_seconds)
        if record.status == "ok":
            seconds.setdefault(record.family, []).append(sum(part or 0.0 for part in spent))
    total = sum(float(np.mean(found)) for found in seconds.values())
    return total / 3600 or None


def power_sentence(found: Sequence[Spread], difference: float, hours: float | None = None) -> str:
    """What the table says for the episodes that were judged so far, and how sure that is.

    Args:
        found: of each family.
        difference: to be seen.
        hours: that one pair of seeds of a method takes.
    """
    num_episodes = found[0].num_episodes
    variances = [spread.variance(num_episodes) for spread in found]
    num_runs = num_runs_needed(variances, difference)
    num_judged = num_runs * num_episodes * sum(spread.num_tasks for spread in found)
    degrees = sum(spread.num_runs - 1 for spread in found)
    fewest, most = (
        num_runs_needed([degrees / quantile * part for part in variances], difference)
        for quantile in (stats.chi2.ppf(tail, degrees) for tail in (1 - LEVEL / 2, LEVEL / 2))
    )
    took = "" if hours is None else f", about {_spelled(num_runs * hours)} on one worker"
    return (
        f"A difference of {difference:g} needs {num_runs:,} pairs of seeds with {num_episodes} "
        f"episodes per target task: {num_judged:,} target episodes a method{took}. The spread "
        f"between runs is itself known from few, so between {fewest:,} and {most:,} pairs (95 %)."
    )


def _spelled(hours: float) -> str:
    return f"{hours:,.1f} hours" if hours >= 1 else f"{max(1, round(60 * hours))} min"
