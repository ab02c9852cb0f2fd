"""Policies: what a generator produces and the harness plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, Self, cast, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt

from hyperbench.errors import DataError
from hyperbench.task import FloatArray, TaskSpec

Activation = Literal["relu", "tanh"]
Squash = Literal["tanh", "clip"]


@runtime_checkable
class PolicyBatch(Protocol):
    """One policy for each of several tasks, acting on all of them at once.

    Made by ``PolicyGenerator.generate`` or ``TaskFamily.expert``; played by ``rollout``.
    """

    @property
    def num_tasks(self) -> int:
        """How many tasks there is a policy for."""

    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, obs_dim) -> (num_tasks, num_episodes, action_dim).

        Actions are in the units of the action space. Row ``i`` is the policy of task ``i``.
        """

    def reset(self) -> None:
        """Forget what was remembered of earlier steps; called before every batch of episodes."""


ARITHMETIC = "float64"
"""What ``MLPPolicies`` compute with. Part of the identity of demonstrations and runs: with another
one the same weights would earn other returns."""


@runtime_checkable
class PrivilegedPolicies(PolicyBatch, Protocol):
    """Experts that are shown what policies are not, such as where a hidden object has gone.

    Made by ``TaskFamily.expert`` alone: ``rollout`` shows them ``infos[info_key]`` of the family's
    environments, (num_envs, any length), where others are shown the observation.
    """

    @property
    def info_key(self) -> str:
        """What the family's environments call it, at every reset and step."""


@runtime_checkable
class StorablePolicies(PolicyBatch, Protocol):
    """Policies that a record can keep: to be verified, filmed and published.

    Their class is registered under its ``kind``, by hyperbench or a plugin's hook
    ``hyperbench_policy_kinds``; by that name it is found again when a record is read.
    """

    kind: ClassVar[str]
    """What a file names them by."""

    @property
    def num_parameters(self) -> int:
        """Numbers in one task's policy."""

    def to_arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
        """Named arrays, and metadata with at least the ``kind``, as a safetensors file has them."""

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
    ) -> Self:
        """Make the policies again that gave such arrays.

        Raises:
            DataError: the arrays are not those of this kind.
        """

    def take(self, tasks: Sequence[int]) -> Self:
        """The policies at the given positions, e.g. ``[2, 0, 0]``; each acts as before."""

    def refuse_non_finite(self, specs: Sequence[TaskSpec]) -> None:
        """Check every number before a policy is handed on or played.

        Raises:
            FloatingPointError: a number is not finite; says of which spec's policy.
        """


STORABLE = ("kind", "num_parameters", "to_arrays", "from_arrays", "take", "refuse_non_finite")
"""What ``StorablePolicies`` have beside what all policies have."""


def info_key(policies: PolicyBatch) -> str | None:
    """The entry of ``infos`` that these policies are shown; None: they are shown observations."""
    return policies.info_key if isinstance(policies, PrivilegedPolicies) else None


def action_unit(low: FloatArray, high: FloatArray) -> FloatArray:
    """Half of each component's range, in which differences of actions are measured.

    Where a component is locked, no unit is due, and it is 1.

    Args:
        low: (action_dim,) lower bounds.
        high: (action_dim,) upper bounds.
    """
    half_range = (high - low) / 2
    return np.where(half_range > 0, half_range, 1).astype(np.float32)


@dataclass(frozen=True)
class MLPPolicies:
    """Multilayer perceptrons of one shape, one per task: generated weights as data.

    An observation is normalised, ``(observation - mean) / std``, passes ``num_layers - 1`` hidden
    layers and a linear last one; the output is squashed into [-1, 1] and scaled to the bounds.

    Args:
        weights: per layer (num_tasks, num_in, num_out).
        biases: per layer (num_tasks, num_out).
        observation_mean: (obs_dim,).
        observation_std: (obs_dim,), positive.
        action_low: (action_dim,).
        action_high: (action_dim,).
        activation: of the hidden layers.
        squash: how the output is brought into [-1, 1].

    Raises:
        DataError: shapes that do not fit each other.
    """

    kind: ClassVar[str] = "mlp"

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    observation_mean: FloatArray
    observation_std: FloatArray
    action_low: FloatArray
    action_high: FloatArray
    activation: Activation = "relu"
    squash: Squash = "tanh"

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.biases) or not self.weights:
            raise DataError(f"{len(self.weights)} weights and {len(self.biases)} biases.")
        if self.observation_std.shape != self.observation_mean.shape:
            raise DataError("observation_std differs in shape from observation_mean.")
        if self.action_high.shape != self.action_low.shape:
            raise DataError("action_high differs in shape from action_low.")
        num_in = len(self.observation_mean)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            if weight.shape[:2] != (self.num_tasks, num_in) or bias.shape != (
                self.num_tasks,
                weight.shape[2],
            ):
                raise DataError(
                    f"Layer shapes do not fit: weight {weight.shape}, bias {bias.shape}, "
                    f"expected ({self.num_tasks}, {num_in}, n) and ({self.num_tasks}, n)."
                )
            num_in = weight.shape[2]
        if num_in != len(self.action_low):
            raise DataError(
                f"The last layer has {num_in} outputs for {len(self.action_low)} actions."
            )
        if self.activation not in get_args(Activation) or self.squash not in get_args(Squash):
            raise DataError(f"Unknown activation {self.activation!r} or squash {self.squash!r}.")

    @property
    def num_tasks(self) -> int:
        """How many policies are stacked."""
        return int(self.weights[0].shape[0])

    @property
    def num_parameters(self) -> int:
        """Weights and biases of one task's policy."""
        return sum(int(np.prod(a.shape[1:])) for a in (*self.weights, *self.biases))

    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, obs_dim) -> (num_tasks, num_episodes, action_dim)."""
        return cast(FloatArray, self.exact_actions(observations).astype(np.float32))

    def exact_actions(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Compute actions before they are rounded.

        Args:
            observations: (..., num_tasks or 1, num_episodes, obs_dim).

        Returns:
            (..., num_tasks, num_episodes, action_dim).
        """
        # Rounded once, at the end: libraries, processors and products over more rows round sums
        # differently in the last digits, which then seldom reach the actions, while in float32 they
        # always do, and a chaotic body makes of them another gait.
        exact = self._exact
        hidden = (observations - exact.observation_mean) / exact.observation_std
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(exact.weights, exact.biases, strict=True)):
            hidden = np.matmul(hidden, weight)
            hidden += bias[..., None, :]
            if layer < last:
                if self.activation == "relu":
                    np.maximum(hidden, 0.0, out=hidden)
                else:
                    np.tanh(hidden, out=hidden)
        squashed = np.tanh(hidden) if self.squash == "tanh" else np.clip(hidden, -1.0, 1.0)
        half_range = (exact.action_high - exact.action_low) / 2
        return cast(npt.NDArray[np.float64], exact.action_low + (squashed + 1.0) * half_range)

    @cached_property
    def _exact(self) -> MLPPolicies:
        """All numbers in float64."""
        shared = {name: getattr(self, name).astype(np.float64) for name in _SHARED}
        return replace(
            self,
            weights=tuple(weight.astype(np.float64) for weight in self.weights),
            biases=tuple(bias.astype(np.float64) for bias in self.biases),
            **shared,
        )

    def reset(self) -> None:
        """Do nothing: these policies remember nothing."""

    def take(self, tasks: Sequence[int]) -> MLPPolicies:
        """The policies at the given positions, e.g. ``[2, 0, 0]``."""
        index = np.asarray(tasks)
        return MLPPolicies(
            tuple(weight[index] for weight in self.weights),
            tuple(bias[index] for bias in self.biases),
            self.observation_mean,
            self.observation_std,
            self.action_low,
            self.action_high,
            self.activation,
            self.squash,
        )

    def refuse_non_finite(self, specs: Sequence[TaskSpec]) -> None:
        for name in _SHARED:
            if not np.isfinite(getattr(self, name)).all():
                raise FloatingPointError(f"{name} of the generated policies is not finite.")
        for array in (*self.weights, *self.biases):
            broken = ~np.isfinite(array).reshape(self.num_tasks, -1).all(axis=1)
            if broken.any():
                raise FloatingPointError(
                    f"The policy generated for {specs[int(broken.argmax())].label} has weights "
                    "that are not finite: the fit diverged, or the spec lies too far out."
                )

    def to_arrays(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
        arrays = {f"weight_{i}": weight for i, weight in enumerate(self.weights)}
        arrays |= {f"bias_{i}": bias for i, bias in enumerate(self.biases)}
        arrays |= {name: getattr(self, name) for name in _SHARED}
        return (
            {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()},
            {"kind": self.kind, "activation": self.activation, "squash": self.squash},
        )

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
    ) -> MLPPolicies:
        num_layers = sum(name.startswith("weight_") for name in arrays)
        try:
            return cls(
                tuple(arrays[f"weight_{i}"] for i in range(num_layers)),
                tuple(arrays[f"bias_{i}"] for i in range(num_layers)),
                **{name: arrays[name] for name in _SHARED},
                activation=cast(Activation, metadata["activation"]),
                squash=cast(Squash, metadata["squash"]),
            )
        except KeyError as error:
            raise DataError(f"Policies without {error}: not a file of MLP policies.") from error


_SHARED = ("observation_mean", "observation_std", "action_low", "action_high")
