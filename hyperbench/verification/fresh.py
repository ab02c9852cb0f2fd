"""Fresh tasks: targets that nobody can have tuned on, drawn by a secret after rows are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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


def check_reads_spec_alone(record: RunRecord) -> None:
    """Refuse what cannot write a policy for a fresh task.

    Raises:
        ProtocolError: the run's method needs demonstrations of its tasks, or other specs.
    """
    if record.num_support_due or record.is_faulty:
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

    def score_of_arm(self, arm: str, source: Sequence[TaskSpec], num_threads: int) -> float:
        """What a control arm keeps, with the source tasks of a split."""
        split = Split(source=tuple(source), validation=(), target=self.tasks)
        with single_threaded():
            table, _ = play_arm(arm, self.family, split, self.seeds, num_threads)
        return self._score(table)

    def score_of_run(self, generator: PolicyGenerator, num_threads: int) -> float:
        """What the policies keep that a fitted generator writes for the fresh tasks."""
        with single_threaded():
            policies = generator.generate(self.tasks)
            table = rollout(self.family, self.tasks, policies, self.seeds, num_threads=num_threads)
        return self._score(table)

    def _score(self, table: EpisodeTable) -> float:
        """What heads a board: the mean of clipped scores, or success where it ends episodes."""
        if self.family.info.ends_at_success:
            return float(np.asarray(table.successes).mean())
        scores = statistics.score(table.returns.mean(axis=1), self.random, self.expert)
        return float(np.nanmean(np.clip(scores, 0.0, 1.0)))


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
