"""Task specifications: the named numbers that define a task, and the space they live in."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from hyperbench.errors import SpecError
from hyperbench.seeding import content_hash

FeatureKind = Literal["reward", "dynamics", "goal", "object"]
FloatArray = npt.NDArray[np.float32]

_NUM_DECIMALS = 9
"""Feature values are rounded to this, so that 0.1 + 0.2 and 0.3 are one task."""


@dataclass(frozen=True)
class Feature:
    """One named number of a task.

    Args:
        name: as shown to people, e.g. ``"speed"``.
        low: smallest value, in ``unit``; presented to methods as -1.
        high: largest value, in ``unit``; presented to methods as 1.
        unit: e.g. ``"m/s"``; empty for a pure number.
        kind: what it changes: the ``reward``, the ``dynamics``, the ``goal`` or an ``object``.
    """

    name: str
    low: float
    high: float
    unit: str
    kind: FeatureKind

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise SpecError(
                f"Feature {self.name!r}: low {self.low:g} is not below high {self.high:g}."
            )
        if self.kind not in get_args(FeatureKind):
            raise SpecError(
                f"Feature {self.name!r}: kind {self.kind!r} is not one of {get_args(FeatureKind)}."
            )


@dataclass(frozen=True)
class SpecSpace:
    """The ordered features of a family."""

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

    def scale(self, values: Sequence[float]) -> FloatArray:
        """Map feature values in their units to [-1, 1]; (num_features,) -> (num_features,)."""
        low = np.array([feature.low for feature in self.features])
        high = np.array([feature.high for feature in self.features])
        scaled = 2.0 * (np.asarray(values) - low) / (high - low) - 1.0
        return np.asarray(scaled, np.float32)

    def grid(self, family: str, **values: Sequence[float]) -> tuple[TaskSpec, ...]:
        """Make every combination of the given feature values a task, the last feature fastest."""
        self._check_names(family, values)
        ordered = [values[name] for name in self.names]
        return tuple(
            TaskSpec(family, self, tuple(float(v) for v in combination))
            for combination in itertools.product(*ordered)
        )

    def task(self, family: str, **values: float) -> TaskSpec:
        """Make one task from named feature values.

        Raises:
            SpecError: a feature is missing, unknown or outside its range.
        """
        self._check_names(family, values)
        return TaskSpec(family, self, tuple(float(values[name]) for name in self.names))

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
        values: one number per feature, in the feature's unit.

    Raises:
        SpecError: a value is not finite or lies outside its feature's range.
    """

    family: str
    space: SpecSpace
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.space):
            raise SpecError(
                f"Task of {self.family}: {len(self.values)} values for {len(self.space)} features "
                f"({', '.join(self.space.names)})."
            )
        # "+ 0.0" turns -0.0 into 0.0, which would hash differently.
        rounded = tuple(round(float(value), _NUM_DECIMALS) + 0.0 for value in self.values)
        object.__setattr__(self, "values", rounded)
        for feature, value in zip(self.space.features, rounded, strict=True):
            # Rounded like the value, or 2/3 would lie outside of [0, 2/3].
            low, high = round(feature.low, _NUM_DECIMALS), round(feature.high, _NUM_DECIMALS)
            if not low <= value <= high:
                unit = f" {feature.unit}" if feature.unit else ""
                raise SpecError(
                    f"Task {self.family} {value:g}: feature {feature.name!r} is {value:g}{unit}, "
                    f"outside [{feature.low:g}, {feature.high:g}]."
                )

    @cached_property
    def vector(self) -> FloatArray:
        """The values scaled to [-1, 1], (num_features,): what a method sees."""
        vector = self.space.scale(self.values)
        vector.flags.writeable = False
        return vector

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that identify the task by content."""
        names = list(self.space.names)
        return content_hash({"family": self.family, "features": names, "values": self.values})

    def __getitem__(self, name: str) -> float:
        """The value of one feature, in its unit."""
        return self.values[self.space.names.index(name)]

    @property
    def label(self) -> str:
        """The task for people: ``speed=4.5`` or ``speed=3, length=0.45``."""
        pairs = zip(self.space.names, self.values, strict=True)
        return ", ".join(f"{name}={value:g}" for name, value in pairs)


def spec_matrix(specs: Sequence[TaskSpec]) -> FloatArray:
    """Stack scaled specs: (num_tasks, num_features)."""
    return np.stack([spec.vector for spec in specs])
