"""Stacked policies: a kind of policies that is its arrays and one formula."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from hyperbench.errors import DataError
from hyperbench.task import FloatArray, TaskSpec


class StackedPolicies(ABC):
    """Base of a kind of policies of which each task has its slice of every array.

    A kind is a frozen dataclass whose fields are arrays, (num_tasks, ...) each. It has a ``kind``,
    writes ``act``, and is registered by ``hyperbench.register_policy_kind``. What records, films
    and verification ask for besides is here.

    Raises:
        DataError: an array is none, or not of as many tasks as the others.
    """

    kind: ClassVar[str]
    """What a file names them by."""

    def __post_init__(self) -> None:
        shapes = {name: np.shape(array) for name, array in self._arrays.items()}
        beginnings = {shape[:1] for shape in shapes.values()}
        if len(beginnings) != 1 or () in beginnings:
            raise DataError(
                f"{type(self).__name__}: every array must begin with one slice a task, found "
                + (", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "no array")
                + "."
            )

    @abstractmethod
    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, obs_dim) -> (num_tasks, num_episodes, action_dim), float32."""

    def reset(self) -> None:  # noqa: B027 - a kind that remembers something writes its own
        """Do nothing: these policies remember nothing."""

    @property
    def num_tasks(self) -> int:
        """How many policies are stacked."""
        return len(next(iter(self._arrays.values())))

    @property
    def num_parameters(self) -> int:
        """Numbers in one task's slices."""
        return sum(int(np.prod(array.shape[1:])) for array in self._arrays.values())

    def take(self, tasks: Sequence[int]) -> Self:
        """The policies at the given positions, e.g. ``[2, 0, 0]``."""
        index = np.asarray(tasks, dtype=int)
        return type(self)(**{name: array[index] for name, array in self._arrays.items()})

    def refuse_non_finite(self, specs: Sequence[TaskSpec]) -> None:
        """Refuse numbers that are not finite, and say of which spec's policy they are."""
        for name, array in self._arrays.items():
            broken = ~np.isfinite(array).reshape(self.num_tasks, -1).all(axis=1)
            if broken.any():
                raise FloatingPointError(
                    f"The policy generated for {specs[int(broken.argmax())].label} has {name} that "
                    "are not finite."
                )

    def to_arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
        """Named arrays, as they are, and metadata."""
        arrays = {name: np.ascontiguousarray(array) for name, array in self._arrays.items()}
        return arrays, {"kind": self.kind}

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        metadata: Mapping[str, str],  # noqa: ARG003 - says the kind, which was asked for
    ) -> Self:
        """Make the policies again that gave such arrays."""
        try:
            return cls(**arrays)
        except TypeError as error:
            raise DataError(f"{', '.join(arrays)}: not arrays of {cls.__name__}.") from error

    @property
    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        if not is_dataclass(self):
            raise TypeError(f"{type(self).__name__} needs @dataclass(frozen=True) above it.")
        return {field.name: getattr(self, field.name) for field in fields(self)}
