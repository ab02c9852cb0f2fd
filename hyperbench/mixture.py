"""Mixtures: policies whose action is a weighted mean of several multilayer perceptrons' actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt

from hyperbench.errors import DataError
from hyperbench.policy import MLPPolicies
from hyperbench.task import FloatArray, TaskSpec

_MEMBER, _SHARES = "member.", "shares"


@dataclass(frozen=True)
class MixturePolicies:
    """For each task a weighted mean of the actions of the same few policies.

    Args:
        members: ``num_members`` policies, such as one cloned from each source task.
        shares: (num_tasks, num_members), of each member in a task's action; none negative, each
            row sums to 1.

    Raises:
        DataError: shares that are none.
    """

    kind: ClassVar[str] = "mixture"

    members: MLPPolicies
    shares: FloatArray

    def __post_init__(self) -> None:
        if self.shares.ndim != 2 or self.shares.shape[1] != self.members.num_tasks:
            raise DataError(
                f"Shares of shape {self.shares.shape} for {self.members.num_tasks} members."
            )
        sums = self.shares.sum(axis=1)
        # Written so that NaN passes: ``refuse_non_finite`` says of which task it is.
        if (self.shares < 0).any() or (np.abs(sums - 1.0) > 1e-3).any():
            raise DataError("Shares of a mixture must not be negative, and must sum to 1.")

    @property
    def num_tasks(self) -> int:
        """How many tasks there is a policy for."""
        return len(self.shares)

    @property
    def num_parameters(self) -> int:
        """Numbers in one task's policy: all members', and their shares."""
        return int(self.shares.shape[1]) * (self.members.num_parameters + 1)

    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, obs_dim) -> (num_tasks, num_episodes, action_dim)."""
        # (num_tasks, num_members, num_episodes, action_dim)
        actions = self.members.exact_actions(observations[:, None])
        shares = self.shares.astype(np.float64)[:, :, None, None]
        return cast(FloatArray, (shares * actions).sum(axis=1).astype(np.float32))

    def reset(self) -> None:
        """Do nothing: these policies remember nothing."""

    def take(self, tasks: Sequence[int]) -> MixturePolicies:
        """The policies at the given positions; all members are kept."""
        return replace(self, shares=self.shares[np.asarray(tasks)])

    def refuse_non_finite(self, specs: Sequence[TaskSpec]) -> None:
        """Refuse members and shares with numbers that are not finite."""
        broken = ~np.isfinite(self.shares).all(axis=1)
        if broken.any():
            raise FloatingPointError(
                f"The policy generated for {specs[int(broken.argmax())].label} has shares that are "
                "not finite."
            )
        arrays = (*self.members.weights, *self.members.biases)
        if not all(np.isfinite(array).all() for array in arrays):
            raise FloatingPointError("A member of the generated mixtures is not finite.")

    def to_arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
        """Named arrays and metadata: those of the members, and the shares."""
        arrays, metadata = self.members.to_arrays()
        named = {_MEMBER + name: array for name, array in arrays.items()}
        shares = np.ascontiguousarray(self.shares, np.float32)
        return {**named, _SHARES: shares}, {**metadata, "kind": self.kind}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
    ) -> MixturePolicies:
        """Make the mixtures again that gave such arrays.

        Raises:
            DataError: the arrays are not those of mixtures.
        """
        if _SHARES not in arrays:
            raise DataError(f"Policies without {_SHARES!r}: not a file of mixtures.")
        members = {
            name.removeprefix(_MEMBER): array
            for name, array in arrays.items()
            if name.startswith(_MEMBER)
        }
        return cls(MLPPolicies.from_arrays(members, metadata), arrays[_SHARES])
