"""Task specifications: the feature values that define a task, and the space they live in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from hyperbench.errors import SpecError
from hyperbench.feature import Domain, Feature, FeatureKind, digits_apart
from hyperbench.seeding import content_hash

__all__ = [
    "LABEL_DIGITS",
    "Domain",
    "Feature",
    "FeatureKind",
    "FloatArray",
    "SpecSpace",
    "TaskSpec",
    "spec_matrix",
    "told_apart",
]

FloatArray = npt.NDArray[np.float32]
LABEL_DIGITS = 6
"""Significant digits of a value in a label, where they tell a family's tasks apart."""


@dataclass(frozen=True)
class SpecSpace:
    """The ordered features of a family; its length is their number."""

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        names = self.names
        if not names:
            raise SpecError("A spec space needs at least one feature.")
        if len(set(names)) != len(names):
            raise SpecError(f"Feature names are not unique: {', '.join(names)}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names, in order."""
        return tuple(feature.name for feature in self.features)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def shown_names(self) -> tuple[str, ...]:
        """What each number of ``present`` is, for people: (shown_dim,) names."""
        return tuple(name for feature in self.features for name in feature.shown_names)

    @property
    def shown_dim(self) -> int:
        """How many numbers methods are shown of a task; more than features have values."""
        return len(self.shown_names)

    def present(self, values: Sequence[float]) -> FloatArray:
        """Turn feature values, in their units, into what methods are shown of a task.

        Called by ``TaskSpec.vector``, which is all that a method sees of a spec.

        Args:
            values: one per feature.

        Returns:
            (shown_dim,): each feature's part, as its domain presents it, in order.
        """
        pairs = zip(self.features, values, strict=True)
        return np.array([number for f, value in pairs for number in f.present(value)], np.float32)

    def grid(self, family: str, **values: Sequence[float | str]) -> tuple[TaskSpec, ...]:
        """Make every combination of the given feature values a task, the last feature fastest.

        Raises:
            SpecError, UnknownNameError: as ``task``.
        """
        self._check_names(family, values)
        ordered = [values[name] for name in self.names]
        return tuple(
            TaskSpec(family, self, self._numbers(combination))
            for combination in itertools.product(*ordered)
        )

    def task(self, family: str, **values: float | str) -> TaskSpec:
        """Make one task from named feature values; categories go by name or position.

        Raises:
            SpecError: a feature is missing, unknown or outside its range.
            UnknownNameError: a category that the feature does not have.
        """
        self._check_names(family, values)
        return TaskSpec(family, self, self._numbers([values[name] for name in self.names]))

    def _numbers(self, values: Sequence[float | str]) -> tuple[float, ...]:
        pairs = zip(self.features, values, strict=True)
        return tuple(f.parse(v) if isinstance(v, str) else float(v) for f, v in pairs)

    def _check_names(self, family: str, values: Mapping[str, object]) -> None:
        if set(values) != set(self.names):
            raise SpecError(
                f"Task of {family}: features {sorted(values)} were given, "
                f"the family has {sorted(self.names)}. Name each exactly once."
            )


@dataclass(frozen=True)
class TaskSpec:
    """The feature values that define one task.

    Args:
        family: id of the family the task belongs to.
        space: the features, in the order of ``values``.
        values: one number per feature, in the feature's unit; kept as ``Feature.stored`` gives it.
        num_digits: how many significant digits of each value the label has, see ``told_apart``.

    Raises:
        SpecError: a value is not finite, lies outside its feature's range or is no category's.
    """

    family: str
    space: SpecSpace
    values: tuple[float, ...]
    num_digits: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.values) != len(self.space):
            raise SpecError(
                f"Task of {self.family}: {len(self.values)} values for {len(self.space)} features "
                f"({', '.join(self.space.names)})."
            )
        values = []
        for feature, value in zip(self.space.features, self.values, strict=True):
            try:
                values.append(feature.stored(value))
            except SpecError as error:
                raise SpecError(f"Task {self.family} {value:g}: {error}") from None
        object.__setattr__(self, "values", tuple(values))

    @cached_property
    def vector(self) -> FloatArray:
        """What a method sees, (shown_dim,): the values as the spec space presents them."""
        vector = self.space.present(self.values)
        vector.flags.writeable = False
        return vector

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that identify the task by content."""
        features = self.space.features
        content = {
            "family": self.family,
            "features": [feature.name for feature in features],
            "values": [f.content(value) for f, value in zip(features, self.values, strict=True)],
        }
        return content_hash(content)

    def __getitem__(self, name: str) -> float:
        """The value of one feature, in its unit; a category's position."""
        return self.values[self.space.names.index(name)]

    @property
    def label(self) -> str:
        """The task for people: ``speed=4.5`` or ``angle=30, colour=red``."""
        digits = self.num_digits or (LABEL_DIGITS,) * len(self.space)
        parts = zip(self.space.features, self.values, digits, strict=True)
        return ", ".join(f"{feature.name}={feature.text(value, n)}" for feature, value, n in parts)


def told_apart(tasks: Sequence[TaskSpec]) -> tuple[TaskSpec, ...]:
    """Give the labels of tasks as many digits as tell their values apart.

    Args:
        tasks: of one spec space.
    """
    columns = zip(*(task.values for task in tasks), strict=True)
    digits = tuple(digits_apart(values, LABEL_DIGITS) for values in columns)
    if max(digits) == LABEL_DIGITS:
        return tuple(tasks)
    return tuple(replace(task, num_digits=digits) for task in tasks)


def spec_matrix(specs: Sequence[TaskSpec]) -> FloatArray:
    """Stack what methods are shown of tasks: (num_tasks, shown_dim)."""
    return np.stack([spec.vector for spec in specs])
