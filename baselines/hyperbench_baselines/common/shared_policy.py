"""A policy that all tasks share, in the form of generated ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hyperbench_baselines.common.config import LayerSizes, LearningConfig
from hyperbench_baselines.common.layers import uniform
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers


class SharedPolicy(nn.Module):
    """One set of learned weights, shown once per task.

    Args:
        sizes: (num_in, num_out) of each layer.
        rng: draws the initial weights, as ``torch.nn.Linear`` does.
        first_num_inputs: inputs of the first layer, where it has others than the observation.
    """

    def __init__(
        self, sizes: LayerSizes, rng: torch.Generator, first_num_inputs: int | None = None
    ) -> None:
        super().__init__()
        num_inputs = [first_num_inputs or sizes[0][0], *(num_in for num_in, _ in sizes[1:])]
        bounds = [num**-0.5 for num in num_inputs]
        self.weight = nn.ParameterList(
            uniform(size, bound, rng) for size, bound in zip(sizes, bounds, strict=True)
        )
        self.bias = nn.ParameterList(
            uniform(size[1:], bound, rng) for size, bound in zip(sizes, bounds, strict=True)
        )

    def forward(self, num_tasks: int) -> Layers:
        return [
            (weight.expand(num_tasks, -1, -1), bias.expand(num_tasks, -1))
            for weight, bias in zip(self.weight, self.bias, strict=True)
        ]


class SharedPolicyNetwork(nn.Module):
    """Specs (num_tasks, shown_dim) -> the same policy for each of them."""

    def __init__(self, dimensions: Dimensions, config: LearningConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self.policy = SharedPolicy(sizes, rng)

    def forward(self, specs: Tensor) -> Layers:
        layers: Layers = self.policy(len(specs))
        return layers
