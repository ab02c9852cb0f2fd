"""Generated policies inside a fit: stacked weights that gradients flow through."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hyperbench.policy import Activation, MLPPolicies
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.portions import Layers, apply, apply_at_once


def act(layers: Layers, observations: Tensor, activation: Activation) -> Tensor:
    """Let each task's policy act in that task's observations.

    The last layer is linear before the tanh.

    Args:
        layers: the policies.
        observations: (num_tasks, num_samples, obs_dim), normalised.
        activation: of the hidden layers.

    Returns:
        (num_tasks, num_samples, action_dim), in [-1, 1].
    """
    return torch.tanh(apply(layers, observations, activation))


def cloning_loss(
    layers: Layers, batch: Batch, activation: Activation, *, twice_differentiable: bool = False
) -> Tensor:
    """Behaviour cloning: mean squared error of the actions, which lie in [-1, 1]."""
    form = apply_at_once if twice_differentiable else apply
    actions = torch.tanh(form(layers, batch.observations, activation))
    return functional.mse_loss(actions, batch.actions)


def to_policies(layers: Layers, normalizer: Normalizer, activation: Activation) -> MLPPolicies:
    """Turn generated weights into data that needs neither torch nor the generator."""
    weights, biases = zip(*layers, strict=True)
    return MLPPolicies(
        tuple(weight.contiguous().numpy() for weight in weights),
        tuple(bias.contiguous().numpy() for bias in biases),
        **normalizer.to_arrays(),
        activation=activation,
        squash="tanh",
    )
