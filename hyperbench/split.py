"""Splits: which tasks are learned from, chosen by, and judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from hyperbench.errors import ProtocolError
from hyperbench.feature import Feature
from hyperbench.seeding import child_seed
from hyperbench.task import FloatArray, TaskSpec

_MIN_GAP_VALUES = 4
"""A feature with fewer values would be left with one or none if its ends were held out."""

Region = Literal["interpolation", "extrapolation"]

_ROUNDING = 1e-6
"""Distance from the sources' hull, in features scaled to [-1, 1], that counts as none."""
_Column = tuple[Feature, float, Sequence[float]]
"""A feature, a task's value of it, and the values of other tasks, (num_tasks,)."""
_SHORTEST_MEAN = 1e-4
"""Length from which on a mean of unit vectors has a direction: angles that are within a hundredth
of a degree of being opposite count as opposite."""


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

    def shuffled_target(self) -> tuple[TaskSpec, ...]:
        """For each target task another one's: what the shuffled-spec control generates for.

        A cycle through all target tasks, so that none keeps its own, drawn from a seed that follows
        from the tasks: a split has one such permutation, whatever the method.

        Raises:
            ProtocolError: there is only one target task.
        """
        if len(self.target) < 2:
            raise ProtocolError("Shuffled specs need at least two target tasks, found 1.")
        by_key = {task.key: task for task in self.target}
        keys = sorted(by_key)
        rng = np.random.default_rng(child_seed(0, "shuffled spec", *keys))
        cycle = [keys[i] for i in rng.permutation(len(keys))]
        following = dict(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        return tuple(by_key[following[task.key]] for task in self.target)

    def nearest_source(self, task: TaskSpec) -> tuple[TaskSpec, float]:
        """The source task whose spec is nearest, and its distance.

        The square root of the sum of squares of the features' distances (``Feature.distance``):
        with intervals alone Euclid's between specs scaled to [-1, 1].
        """
        distances = self.source_distances(task)
        nearest = int(np.argmin(distances))
        return self.source[nearest], float(distances[nearest])

    def source_distances(self, task: TaskSpec) -> FloatArray:
        """How far each source task's spec is, (num_source_tasks,), as of ``nearest_source``."""
        apart = [_apart(*column) for column in _columns(self.source, task)]
        distances: FloatArray = np.linalg.norm(np.stack(apart, axis=1), axis=1)
        return distances

    def region(self, task: TaskSpec) -> Region:
        """Whether a task is a weighted mean of source tasks that share its categories.

        Interpolation, if it is: with intervals alone, if it lies in the convex hull of the scaled
        source specs. The mean on a circle is the direction of the mean of unit vectors (Mardia and
        Jupp, "Directional Statistics", 2000); there is none where that mean vanishes, as between
        two opposite angles. On one circle alone, the task is interpolation if it is at a source
        angle or between two that are less than half a turn apart. Without a source task that has
        all of its categories at once, a task is extrapolation.
        """
        alike = [source for source in self.source if _categories(source) == _categories(task)]
        inside = bool(alike) and _is_weighted_mean(alike, task)
        return "interpolation" if inside else "extrapolation"


def _columns(others: Sequence[TaskSpec], task: TaskSpec) -> Iterator[_Column]:
    values = zip(*(other.values for other in others), strict=True)
    yield from zip(task.space.features, task.values, values, strict=True)


def _categories(task: TaskSpec) -> list[float]:
    pairs = zip(task.space.features, task.values, strict=True)
    return [value for feature, value in pairs if feature.domain == "categories"]


def _apart(feature: Feature, value: float, others: Sequence[float]) -> FloatArray:
    """How far values are from one, (num_tasks,), signed on an interval."""
    if feature.domain == "interval":
        # In the precision in which specs are shown, as in all records there are.
        return _scaled(feature, others) - _scaled(feature, [value])
    return np.array([feature.distance(other, value) for other in others], np.float32)


def _scaled(feature: Feature, values: Sequence[float]) -> FloatArray:
    return np.array([feature.present(value) for value in values], np.float32)[:, 0]


def _is_weighted_mean(others: Sequence[TaskSpec], task: TaskSpec) -> bool:
    """Whether weights c >= 0 of sum 1 make the task the mean of others that share its categories.

    On an interval that is sum_i c_i x_i = x. On a circle the vector sum_i c_i (cos a_i, sin a_i)
    must have the direction of a, that is, turned by -a, the direction of the first axis:
    sum_i c_i sin(a_i - a) = 0 and sum_i c_i cos(a_i - a) > 0. All of it is linear in c.

    On one circle alone these are the positive combinations of the unit vectors. Between two that
    are less than half a turn apart there is one for each angle; in a wider gap there is none, since
    the rest of the circle, half a turn or less, holds all vectors and the directions of all means.
    """
    from scipy.optimize import linprog  # half of the time that ``hyperbench list`` would take

    means: list[FloatArray] = []  # rows (num_tasks,) whose weighted mean must be ...
    wanted: list[float] = []  # ... this
    ahead: list[npt.NDArray[np.float64]] = []  # rows whose weighted mean must be positive
    for feature, value, values in _columns(others, task):
        if feature.domain == "interval":
            means.append(_scaled(feature, values))
            wanted.append(float(_scaled(feature, [value])[0]))
        elif feature.domain == "circle":
            turn = 2.0 * np.pi / (feature.high - feature.low)
            angles = turn * (np.array(values) - value)
            means.append(np.sin(angles))
            wanted.append(0.0)
            ahead.append(np.cos(angles))
    # Minimises the distance, for whether a point on the border is feasible is a matter of rounding.
    # A linear programme, because Delaunay refuses the flat and too small sets of small splits.
    num_rows, num_tasks = len(means), len(others)
    slack = np.eye(num_rows)
    result = linprog(
        np.repeat([0.0, 1.0], [num_tasks, 2 * num_rows]),
        A_ub=-np.pad(ahead, ((0, 0), (0, 2 * num_rows))) if ahead else None,
        b_ub=np.full(len(ahead), -_SHORTEST_MEAN) if ahead else None,
        A_eq=np.block(
            [
                [np.reshape(means, (num_rows, num_tasks)), slack, -slack],
                [np.ones((1, num_tasks)), np.zeros((1, 2 * num_rows))],
            ]
        ),
        b_eq=np.append(wanted, 1.0),
    )
    return result.fun is not None and bool(result.fun < _ROUNDING)


def held_out_by_gap(tasks: Sequence[TaskSpec]) -> frozenset[str]:
    """Keys of the tasks in the middle or at an end of a feature.

    Of a feature's values on the grid that is the outer tenth at each end and the fifth in the
    middle, each rounded up to whole values and to symmetry: 24 of 40 values are kept, 6 of 10, 2 of
    4. Fewer than four values hold nothing out, nor do circles (no ends) and categories (no order).

    Raises:
        ProtocolError: no interval has four values.
    """
    columns = [
        [task.values[i] for task in tasks if feature.domain == "interval"]
        for i, feature in enumerate(tasks[0].space.features)
    ]
    held_out = [_gap_values(column) for column in columns]
    if not any(held_out):
        most = max(len(set(column)) for column in columns)
        raise ProtocolError(
            f"The gap rule needs an interval with {_MIN_GAP_VALUES} values or more, "
            f"{tasks[0].family} has {f'at most {most}' if most else 'none'}. "
            "Choose another protocol."
        )
    return frozenset(
        task.key
        for task in tasks
        if any(value in gap for value, gap in zip(task.values, held_out, strict=True))
    )


def _gap_values(values: Sequence[float]) -> set[float]:
    ordered = sorted(set(values))
    num_values = len(ordered)
    if num_values < _MIN_GAP_VALUES:
        return set()
    num_end = math.ceil(num_values / 10)
    num_middle = num_values // 5
    num_middle += (num_values - num_middle) % 2
    start = (num_values - num_middle) // 2
    return {*ordered[:num_end], *ordered[start : start + num_middle], *ordered[-num_end:]}
