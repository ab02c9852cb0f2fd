"""Fresh tasks: targets that nobody can have tuned on, drawn by a secret after rows are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from hyperbench import statistics
from hyperbench.arms import play_arm
from hyperbench.errors import ProtocolError
from hyperbench.family import TaskFamily
from hyperbench.feature import Feature
from hyperbench.generator import PolicyGenerator
from hyperbench.records.record import RunRecord
from hyperbench.registry.own import EXPERT, RANDOM
from hyperbench.rollout import EpisodeTable, episode_seeds, rollout
from hyperbench.seeding import child_seed
from hyperbench.split import Split
from hyperbench.task import TaskSpec
from hyperbench.threads import single_threaded

_MOST_DRAWS = 200
"""Draws for each task that is wanted before the space counts as full."""
_AWAY = 0.25
"""How far from every task of the grid a fresh one is, as a share of the smallest distance between
two of those that share their categories."""


def fresh_tasks(family: TaskFamily, secret: str, number: int) -> tuple[TaskSpec, ...]:
    """Draw tasks from a family's spec space, within what its tasks span and away from each of them.

    What its experts do not know, such as a speed between those of two gaits, is drawn again.

    Args:
        family: whose.
        secret: decides which; anybody who knows it draws the same.
        number: of tasks.

    Raises:
        ProtocolError: every feature is a category, there is no room between the tasks, or experts
            know only these.
    """
    info, features = family.info, family.spec_space.features
    if all(feature.domain == "categories" for feature in features):
        raise ProtocolError(f"{info.id} has categories alone: all of its tasks are known.")
    grid = Split(source=family.tasks, validation=(), target=())
    away = _AWAY * _spacing(family.tasks, grid)
    rng = np.random.default_rng(child_seed(0, "fresh tasks", secret, info.id))
    found: list[TaskSpec] = []
    for _ in range(_MOST_DRAWS * number):
        values = {feature.name: _drawn(feature, family.tasks, rng) for feature in features}
        task = family.spec_space.task(info.id, **values)
        if grid.source_distances(task).min() >= away and _has_expert(family, task):
            found.append(task)
        if len(found) == number:
            return tuple(found)
    raise ProtocolError(
        f"{info.id}: of {_MOST_DRAWS * number} draws {len(found)} were away from all of its tasks "
        "and known to its experts. Where experts know their own tasks alone, none are."
    )


def check_is_zero_shot(record: RunRecord) -> None:
    """Refuse what cannot write a policy for a fresh task.

    Raises:
        ProtocolError: the run's method needs demonstrations of its tasks.
    """
    if record.num_support_due:
        raise ProtocolError(f"{record.row_label} is not shown a fresh task's spec alone.")


@dataclass(frozen=True)
class Ground:
    """What fresh policies are judged on: tasks, episodes, and what random and expert earn there.

    Args:
        family: plays.
        tasks: fresh ones.
        seeds: (num_tasks, num_episodes).
        random: (num_tasks,) mean returns.
        expert: (num_tasks,) mean returns; NaN where they are no more than random's, beyond noise.
    """

    family: TaskFamily
    tasks: tuple[TaskSpec, ...]
    seeds: npt.NDArray[np.int64]
    random: npt.NDArray[np.float64]
    expert: npt.NDArray[np.float64]

    @classmethod
    def make(
        cls, family: TaskFamily, tasks: tuple[TaskSpec, ...], num_episodes: int, num_threads: int
    ) -> Ground:
        """Play random actions and the expert.

        Raises:
            ProtocolError: the experts earn no more than random actions.
        """
        seeds = episode_seeds(0, "fresh episode", tasks, num_episodes)
        split = Split(source=(), validation=(), target=tasks)
        with single_threaded():
            random, expert = (
                play_arm(arm, family, split, seeds, num_threads)[0].returns
                for arm in (RANDOM, EXPERT)
            )
        zero, one = statistics.ends_of_scale(random, expert)
        if np.isnan(one).all():
            raise ProtocolError(f"Fresh tasks of {family.info.id} cannot tell policies apart.")
        return cls(family=family, tasks=tasks, seeds=seeds, random=zero, expert=one)

    def scores_of_arm(
        self, arm: str, source: Sequence[TaskSpec], num_threads: int
    ) -> npt.NDArray[np.float64]:
        """What a control arm keeps of each task, with the source tasks of a split."""
        split = Split(source=tuple(source), validation=(), target=self.tasks)
        with single_threaded():
            table, _ = play_arm(arm, self.family, split, self.seeds, num_threads)
        return self._scores(table)

    def scores_of_run(
        self, generator: PolicyGenerator, num_threads: int
    ) -> npt.NDArray[np.float64]:
        """What the policies keep that a fitted generator writes for the fresh tasks."""
        with single_threaded():
            policies = generator.generate(self.tasks)
            table = rollout(self.family, self.tasks, policies, self.seeds, num_threads=num_threads)
        return self._scores(table)

    def _scores(self, table: EpisodeTable) -> npt.NDArray[np.float64]:
        """What heads a board: clipped scores, or success where it ends episodes."""
        if self.family.info.ends_at_success:
            rates: npt.NDArray[np.float64] = np.asarray(table.successes, np.float64).mean(axis=1)
            return rates
        scores = statistics.score(table.returns.mean(axis=1), self.random, self.expert)
        clipped: npt.NDArray[np.float64] = np.clip(scores, 0.0, 1.0)
        return clipped


def like_with_like(public: pd.Series, fresh: pd.Series) -> tuple[float, float]:
    """Mean public and mean fresh score, with as large a share of each region in both.

    A grid has its edges, and what is drawn within it has not: fewer fresh tasks than public ones
    lie beyond the source tasks, and plain means would differ though nobody tuned on anything.

    Args:
        public: scores of a run's target tasks, by their regions.
        fresh: its scores on fresh tasks, by theirs; a region that has none of these is left out of
            both.
    """
    means, fresh_means = (each.dropna().groupby(level=0).mean() for each in (public, fresh))
    shared = means.index.intersection(fresh_means.index)
    counts = public.dropna().groupby(level=0).size()[shared]
    weights = counts / counts.sum()
    return float((means * weights).sum()), float((fresh_means * weights).sum())


def difference_interval(
    differences: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]
) -> tuple[float, float] | None:
    """95 % interval of fresh less public score: what other runs and other fresh tasks would give.

    All runs play the same fresh tasks, so that how hard these are does not show in how far runs are
    apart. The variances of both means add up; the quantile is Student's for the fewer of the two.

    Args:
        differences: (num_runs,) of means, as of ``like_with_like``.
        scores: (num_runs, num_tasks) on fresh tasks; NaN where there is none.

    Returns:
        Low and high end; None of fewer than two runs or tasks.
    """
    tasks = scores[:, ~np.isnan(scores).any(axis=0)].mean(axis=0)
    fewer = min(len(differences), len(tasks))
    if fewer < 2:
        return None
    variance = sum(each.var(ddof=1) / len(each) for each in (differences, tasks))
    half = float(special.stdtrit(fewer - 1, 0.975) * np.sqrt(variance))
    middle = float(differences.mean())
    return middle - half, middle + half


def _drawn(feature: Feature, tasks: Sequence[TaskSpec], rng: np.random.Generator) -> float | str:
    """A value within what the tasks span; round a whole circle."""
    values = [task[feature.name] for task in tasks]
    if feature.domain == "categories":
        return feature.content(float(rng.choice(sorted(set(values)))))
    low, high = (
        (feature.low, feature.high) if feature.domain == "circle" else (min(values), max(values))
    )
    return float(rng.uniform(low, high))


def _has_expert(family: TaskFamily, task: TaskSpec) -> bool:
    try:
        family.expert([task])
    except Exception:  # a stranger's expert may say so in any way
        return False
    return True


def _spacing(tasks: Sequence[TaskSpec], grid: Split) -> float:
    """The smallest distance between two tasks that share their categories."""
    smallest = np.inf
    for i, task in enumerate(tasks):
        distances = np.delete(grid.source_distances(task), i)
        # Another category is a whole unit away, which says nothing of the numbers.
        smallest = min(smallest, float(distances[distances > 0].min()))
    return smallest
