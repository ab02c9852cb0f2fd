"""Generated policies inside a fit: stacked weights that gradients flow through."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hyperbench.policy import Activation, MLPPolicies
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.normalizer import Normalizer

Layers = list[tuple[Tensor, Tensor]]
"""Networks of one shape, usually policies, one per task: per layer, weights
(num_tasks, num_in, num_out) and biases (num_tasks, num_out)."""

# In place: a hidden layer of a whole batch does not fit into a processor's near caches.
_ACTIVATIONS = {"relu": torch.relu_, "tanh": torch.tanh_}


def apply(layers: Layers, inputs: Tensor, activation: Activation) -> Tensor:
    """Apply each task's network to that task's inputs; one batched product a layer.

    Args:
        layers: the networks, whose last layer is linear.
        inputs: (num_tasks, num_samples, num_in).
        activation: of the hidden layers.

    Returns:
        (num_tasks, num_samples, num_out).
    """
    hidden = inputs
    for i, (weight, bias) in enumerate(layers):
        if i > 0:
            hidden = _ACTIVATIONS[activation](hidden)
        hidden = torch.baddbmm(bias.unsqueeze(1), hidden, weight)
    return hidden


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


def cloning_loss(layers: Layers, batch: Batch, activation: Activation) -> Tensor:
    """Behaviour cloning: mean squared error of the actions, which lie in [-1, 1]."""
    return functional.mse_loss(act(layers, batch.observations, activation), batch.actions)


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
