"""Protocols: the frozen rules of a measurement, and the splits they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import linprog

from hyperbench.errors import ProtocolError
from hyperbench.seeding import child_seed, content_hash
from hyperbench.task import FloatArray, TaskSpec, spec_matrix

Track = Literal["zero-shot", "few-shot"]
Region = Literal["interpolation", "extrapolation"]

_MIN_TASKS = 3
"""One source, one validation, one target task."""


class SeedPair(BaseModel):
    """The two independent seeds of a run; equal numbers do not mean equal random streams."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    split: int
    """Decides which tasks are source, validation and target."""
    fit: int
    """Decides initial weights and batches of the method."""


class EvalProtocol(BaseModel):
    """The frozen rules of a measurement. Changing a field makes another protocol."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    id: str
    """Name and version, e.g. ``quick-v1``."""
    summary: str
    """One line for people."""
    source_fraction: float = Field(0.2, gt=0, lt=1)
    """Share of a family's tasks to learn from."""
    validation_fraction: float = Field(0.1, ge=0, lt=1)
    """Share of a family's tasks that serve only to choose."""
    num_demonstrations: int = Field(10, ge=1)
    """Expert episodes per source and validation task."""
    num_episodes: int = Field(10, ge=1)
    """Episodes judged per target task."""
    seeds: tuple[SeedPair, ...]
    """One run per method and family for each pair."""
    track: Track = "zero-shot"
    """What a method may see of a target task."""

    @property
    def rules_hash(self) -> str:
        """Identifies the rules by content, apart from which seeds are run."""
        return content_hash(self.model_dump(mode="json", exclude={"seeds", "summary"}))

    def with_seeds(self, asked: str) -> EvalProtocol:
        """The same rules for other seed pairs.

        Args:
            asked: a number of pairs (``"3"``: the protocol's first three, counted on where it has
                fewer) or the seeds themselves (``"0,7,9"``, each for split and fit).

        Raises:
            ProtocolError: it is neither.
        """
        try:
            numbers = [int(part) for part in asked.split(",")]
        except ValueError:
            raise ProtocolError(
                f"--seeds {asked!r} is neither a number nor a list such as 0,1,2."
            ) from None
        if "," in asked:
            pairs = tuple(SeedPair(split=seed, fit=seed) for seed in numbers)
        else:
            more = (SeedPair(split=i, fit=i) for i in range(len(self.seeds), numbers[0]))
            pairs = (*self.seeds, *more)[: numbers[0]]
        if not pairs or len(set(pairs)) < len(pairs) or min(numbers) < 0:
            raise ProtocolError(
                f"--seeds {asked!r}: give at least one seed, each once, none negative."
            )
        return self.model_copy(update={"seeds": pairs})

    def split(self, tasks: Sequence[TaskSpec], split_seed: int) -> Split:
        """Divide a family's tasks at random: a pure function of the tasks, the rules and the seed.

        Raises:
            ProtocolError: too few tasks for one source, one validation and one target task.
        """
        by_key = {task.key: task for task in tasks}
        if len(by_key) != len(tasks):
            raise ProtocolError(f"{len(tasks) - len(by_key)} tasks occur twice; they must differ.")
        if len(tasks) < _MIN_TASKS:
            raise ProtocolError(
                f"Protocol {self.id} needs at least {_MIN_TASKS} tasks, found {len(tasks)}."
            )
        # Sorted by key, the order in which a family lists its tasks does not matter.
        keys = sorted(by_key)
        rng = np.random.default_rng(child_seed(split_seed, "split", self.id, *keys))
        order = [keys[i] for i in rng.permutation(len(keys))]
        num_source = max(1, round(self.source_fraction * len(keys)))
        num_validation = round(self.validation_fraction * len(keys))
        if self.validation_fraction > 0:
            num_validation = max(1, num_validation)
        if num_source + num_validation >= len(keys):
            raise ProtocolError(f"Protocol {self.id} leaves no target task of {len(keys)} tasks.")

        def chosen(part: list[str]) -> tuple[TaskSpec, ...]:
            return tuple(task for task in tasks if task.key in set(part))

        return Split(
            source=chosen(order[:num_source]),
            validation=chosen(order[num_source : num_source + num_validation]),
            target=chosen(order[num_source + num_validation :]),
        )


@dataclass(frozen=True)
class Split:
    """Which tasks are learned from, chosen by, and judged; disjoint by content."""

    source: tuple[TaskSpec, ...]
    validation: tuple[TaskSpec, ...]
    target: tuple[TaskSpec, ...]

    def __post_init__(self) -> None:
        keys = [task.key for task in (*self.source, *self.validation, *self.target)]
        if len(set(keys)) != len(keys):
            raise ProtocolError(
                "A task is in two parts of a split; source, validation and target must be disjoint."
            )

    def nearest_source(self, task: TaskSpec) -> tuple[TaskSpec, float]:
        """The source task whose scaled spec is nearest (Euclid), and its distance."""
        distances = np.linalg.norm(spec_matrix(self.source) - task.vector, axis=1)
        nearest = int(np.argmin(distances))
        return self.source[nearest], float(distances[nearest])

    def region(self, task: TaskSpec) -> Region:
        """Whether a task lies inside the convex hull of the scaled source specs."""
        inside = _in_convex_hull(spec_matrix(self.source), task.vector)
        return "interpolation" if inside else "extrapolation"


def _in_convex_hull(points: FloatArray, point: FloatArray) -> bool:
    """Whether ``point`` (n,) is a convex combination of ``points`` (m, n)."""
    # A linear programme, because Delaunay refuses the flat and too small sets of small splits.
    conditions = np.vstack([points.T, np.ones(len(points))])
    result = linprog(np.zeros(len(points)), A_eq=conditions, b_eq=np.append(point, 1.0))
    return bool(result.status == 0)


QUICK = EvalProtocol(
    id="quick-v1",
    summary="20 % source, 10 % validation, one seed pair, 4 episodes: minutes on a laptop",
    num_episodes=4,
    seeds=(SeedPair(split=0, fit=0),),
)
STANDARD = EvalProtocol(
    id="standard-v1",
    summary="20 % source, 10 % validation, five seed pairs, 10 episodes: for boards",
    seeds=tuple(SeedPair(split=i, fit=i) for i in range(5)),
)
PAPER = EvalProtocol(
    id="paper-v1",
    summary="the published split: 20 % source, no validation, the published five seeds",
    validation_fraction=0.0,
    seeds=tuple(SeedPair(split=seed, fit=seed) for seed in (123, 233, 666, 999, 789)),
)
PROTOCOLS = {protocol.id: protocol for protocol in (QUICK, STANDARD, PAPER)}
