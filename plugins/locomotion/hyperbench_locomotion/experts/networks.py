"""Shipped experts: networks that are told the spec, and the policies they become for a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load, save

from hyperbench.errors import DataError
from hyperbench.policy import MLPPolicies
from hyperbench.task import FloatArray

DATA = Path(__file__).parent / "data"
NUM_FEATURES = 2
"""Every network is told speed and length, whichever of the two a family varies."""


@dataclass(frozen=True)
class ExpertNetworks:
    """The experts of one body under one suite's reward: tanh networks with the spec as input.

    Made by ``export``; the family turns them into one policy per task. Observation normalisation is
    part of the first layer.

    Args:
        weights: per layer (num_networks, num_in, num_out); the first layer's inputs are the
            observation, then speed and length, each scaled to [-1, 1].
        biases: per layer (num_networks, num_out).
        spec_low: (2,) speed and length that are presented as -1.
        spec_high: (2,) speed and length that are presented as 1.
        regions: (num_networks, 2, 2) lowest and highest speed, lowest and highest length a network
            is responsible for; where regions overlap the first network plays.
        least_speed: (num_networks,) slower targets are presented to a network as this one, in their
            direction: a reward that never punishes speed is earned as well, and more steadily, by a
            faster gait.
        version: identifies the networks by content.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    spec_low: FloatArray
    spec_high: FloatArray
    regions: FloatArray
    least_speed: FloatArray
    version: str = ""

    def policies(
        self,
        specs: npt.NDArray[np.float64],
        action_low: FloatArray,
        action_high: FloatArray,
        chosen: Sequence[int] | None = None,
    ) -> MLPPolicies:
        """One policy per row of ``specs`` (num_tasks, 2), speed and length in their units.

        Args:
            specs: of the tasks.
            action_low: (action_dim,) lower bounds.
            action_high: (action_dim,) upper bounds.
            chosen: (num_tasks,) which network plays each; by default who is responsible.

        Raises:
            DataError: no network is responsible for a spec.
        """
        if chosen is None:
            chosen = [self._responsible(spec) for spec in specs]
        chosen = np.asarray(chosen)
        speed = specs[:, 0]
        presented = specs.copy()
        presented[:, 0] = np.sign(speed) * np.maximum(np.abs(speed), self.least_speed[chosen])
        scaled = 2.0 * (presented - self.spec_low) / (self.spec_high - self.spec_low) - 1.0
        first = self.weights[0][chosen]
        spec_weights = first[:, -NUM_FEATURES:]
        bias = self.biases[0][chosen] + np.einsum("tf,tfo->to", scaled, spec_weights)
        first = np.ascontiguousarray(first[:, :-NUM_FEATURES])
        num_inputs = first.shape[1]
        return MLPPolicies(
            (first, *(weight[chosen] for weight in self.weights[1:])),
            (bias.astype(np.float32), *(bias[chosen] for bias in self.biases[1:])),
            np.zeros(num_inputs, np.float32),
            np.ones(num_inputs, np.float32),
            action_low,
            action_high,
            activation="tanh",
            squash="clip",
        )

    def _responsible(self, spec: npt.NDArray[np.float64]) -> int:
        # Specs are exact to 9 digits, regions are stored as float32.
        low, high = self.regions[..., 0] - 1e-6, self.regions[..., 1] + 1e-6
        inside = np.flatnonzero(((spec >= low) & (spec <= high)).all(axis=1))
        if not len(inside):
            raise DataError(f"No expert for speed {spec[0]:g}, length {spec[1]:g}.")
        return int(inside[0])

    def to_bytes(self, metadata: dict[str, str] | None = None) -> bytes:
        """The networks as the content of a safetensors file, with what is to be said of them."""
        arrays = {f"weight_{i}": weight for i, weight in enumerate(self.weights)}
        arrays |= {f"bias_{i}": bias for i, bias in enumerate(self.biases)}
        arrays |= {name: getattr(self, name) for name in _SPEC_ARRAYS}
        return save(
            {name: np.ascontiguousarray(a, np.float32) for name, a in arrays.items()}, metadata
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> ExpertNetworks:
        """The reverse of ``to_bytes``."""
        arrays = load(content)
        num_layers = sum(name.startswith("weight_") for name in arrays)
        return cls(
            tuple(arrays[f"weight_{i}"] for i in range(num_layers)),
            tuple(arrays[f"bias_{i}"] for i in range(num_layers)),
            **{name: arrays[name] for name in _SPEC_ARRAYS},
            version=sha256(content).hexdigest()[:16],
        )


_SPEC_ARRAYS = ("spec_low", "spec_high", "regions", "least_speed")


def expert_path(suite: str, body: str) -> Path:
    """Where the experts of a body under a suite's reward are shipped."""
    return DATA / f"{suite}-{body}.safetensors"


def expert_version(suite: str, body: str) -> str:
    """The version of the shipped experts, or ``"none"`` where none are shipped yet."""
    return shipped_experts(suite, body).version if expert_path(suite, body).exists() else "none"


@cache
def shipped_experts(suite: str, body: str) -> ExpertNetworks:
    """Load the shipped experts of a body under a suite's reward.

    Raises:
        DataError: none are shipped.
    """
    path = expert_path(suite, body)
    if not path.exists():
        raise DataError(f"No experts for {body} in suite {suite!r}: {path} does not exist.")
    return ExpertNetworks.from_bytes(path.read_bytes())
