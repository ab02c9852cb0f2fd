"""Splits: which tasks are learned from, chosen by, and judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import linprog

from hyperbench.errors import ProtocolError
from hyperbench.seeding import child_seed
from hyperbench.task import FloatArray, TaskSpec, spec_matrix

Region = Literal["interpolation", "extrapolation"]

_ROUNDING = 1e-6
"""Distance from the sources' hull, in features scaled to [-1, 1], that counts as none."""


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
    # A linear programme, because Delaunay refuses the flat and too small sets of small splits. It
    # minimises the distance, for whether a point on the border is feasible is a matter of rounding.
    num_points, num_features = points.shape
    apart = np.eye(num_features)
    result = linprog(
        np.repeat([0.0, 1.0], [num_points, 2 * num_features]),
        A_eq=np.block(
            [
                [points.T, apart, -apart],
                [np.ones((1, num_points)), np.zeros((1, 2 * num_features))],
            ]
        ),
        b_eq=np.append(point, 1.0),
    )
    return result.fun is not None and bool(result.fun < _ROUNDING)
