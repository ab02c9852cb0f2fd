"""Clones: one policy for each source task, and policies for other tasks that are made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.task import FloatArray
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers
from hyperbench_baselines.common.shared_policy import SharedPolicy

Coefficients = Callable[[FloatArray, FloatArray], FloatArray]
"""(shown source specs (num_source, shown_dim), a shown spec (shown_dim,)) -> (num_source,), none
negative, of sum 1."""


class ClonesConfig(LearningConfig):
    """Hyper-parameters of the clones."""

    learning_rate: float = Field(3e-3, gt=0)
    """Adam's learning rate until the decay; ``tune`` found none better for ``interpolation``."""


class Clones(nn.Module):
    """Specs (num_tasks, shown_dim) -> policies, each a weighted mean of the source tasks' clones.

    Args:
        dimensions: of the family and its source tasks.
        config: of the policies.
        rng: draws the initial weights, which are the same for all clones.
        coefficients: of the mean. At a source spec it is the task's own clone, whatever they say.
    """

    def __init__(
        self,
        dimensions: Dimensions,
        config: LearningConfig,
        rng: torch.Generator,
        coefficients: Coefficients,
    ) -> None:
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self._specs = [tuple(spec) for spec in dimensions.source_specs]
        self._coefficients = coefficients
        initial = SharedPolicy(sizes, rng)(len(self._specs))
        self.weight = nn.ParameterList(weight.detach().clone() for weight, _ in initial)
        self.bias = nn.ParameterList(bias.detach().clone() for _, bias in initial)
        # At a source spec the task's own clone and, to the last bit, no other one's.
        self._rows = dict(zip(self._specs, np.eye(len(self._specs)), strict=True))
        self.register_buffer("source_specs", torch.tensor(self._specs), persistent=False)

    def forward(self, specs: Tensor) -> Layers:
        rows = np.stack([self._row(tuple(spec)) for spec in specs.tolist()])
        return self._mean(torch.from_numpy(rows))

    def own(self, specs: Tensor) -> Layers:
        """The clones of source tasks, (num_tasks, shown_dim), as a fit needs them at every step.

        They are what calling the network gives, but specs are not read back from a GPU.
        """
        return self._mean((specs.unsqueeze(1) == self.source_specs).all(dim=-1))

    def members(self) -> Layers:
        """All clones, in the order of the source tasks."""
        return list(zip(self.weight, self.bias, strict=True))

    def _mean(self, coefficients: Tensor) -> Layers:
        """Weigh the clones by (num_tasks, num_source)."""
        coefficients = coefficients.to(self.weight[0])
        return [
            (torch.tensordot(coefficients, weight, 1), coefficients @ bias)
            for weight, bias in zip(self.weight, self.bias, strict=True)
        ]

    def _row(self, spec: tuple[float, ...]) -> FloatArray:
        if spec not in self._rows:
            self._rows[spec] = self._coefficients(np.array(self._specs), np.array(spec))
        return self._rows[spec]


def nearest(points: FloatArray, point: FloatArray) -> FloatArray:
    """All weight on the nearest point, the first of several: coefficients of ``Clones``."""
    return np.eye(len(points))[int(np.argmin(((points - point) ** 2).sum(axis=1)))]
