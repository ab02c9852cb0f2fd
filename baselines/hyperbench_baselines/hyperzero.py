"""HyperZero: a plain hypernetwork, one linear head per layer of the policy.

Rezaei-Shoshtari et al., "Hypernetworks for Zero-Shot Transfer in Reinforcement Learning",
AAAI 2023.

    z     = psi(M)                                  task embedding
    W_l   = H^W_l z + h^W_l                         weights of layer l, emitted at once
    b_l   = H^b_l z + h^b_l                         its biases

The heads' matrices start at U(+-0.05) for the first layer and U(+-0.008) for the last, their biases
at 0: published, and switched off in HyPoGen's comparison.

Deviations from the paper:

- the loss is that of the actions alone; no second network for Q is generated yet;
- layers between the first and the last, which the paper's policy does not have, start as the last;
- schedule, clipping and batches are those of every method here, see ``common``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hyperbench.generator import MethodConfig
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import LayerSizes, LearningConfig
from hyperbench_baselines.common.layers import TaskEmbedding, uniform
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, cloning_loss


class HyperzeroConfig(LearningConfig):
    """Hyper-parameters of HyperZero."""

    learning_rate: float = Field(2e-3, gt=0)
    """Adam's learning rate until the decay; chosen on validation tasks of cheetah-speed."""
    embedding_width: int = Field(256, ge=4, multiple_of=4)
    """Length of the task embedding z."""
    first_bound: float = Field(0.05, gt=0)
    """Bound of the initial weights of the first layer's heads."""
    last_bound: float = Field(0.008, gt=0)
    """Bound of the initial weights of the other layers' heads."""


class Heads(nn.Module):
    """All weights of a network of the given layers, linear in the embedding.

    A layer's two heads, for its weights and its biases, are one product.
    """

    def __init__(self, sizes: LayerSizes, config: HyperzeroConfig, rng: torch.Generator):
        super().__init__()
        self.sizes = sizes
        counts = [num_in * num_out + num_out for num_in, num_out in sizes]
        bounds = [config.first_bound] + [config.last_bound] * (len(sizes) - 1)
        self.weight = nn.ParameterList(
            uniform((count, config.embedding_width), bound, rng)
            for count, bound in zip(counts, bounds, strict=True)
        )
        self.bias = nn.ParameterList(torch.zeros(count) for count in counts)

    def forward(self, embedding: Tensor) -> Layers:
        layers = []
        for (num_in, num_out), weight, bias in zip(self.sizes, self.weight, self.bias, strict=True):
            flat = functional.linear(embedding, weight, bias)
            weights, biases = flat.split((num_in * num_out, num_out), dim=-1)
            layers.append((weights.unflatten(-1, (num_in, num_out)), biases))
        return layers


class HyperzeroNetwork(nn.Module):
    """H: specs (num_tasks, num_features) -> policies."""

    def __init__(self, dimensions: Dimensions, config: HyperzeroConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self.embedding = TaskEmbedding(dimensions.num_features, config.embedding_width, rng)
        self.policy = Heads(sizes, config, rng)

    def forward(self, specs: Tensor) -> Layers:
        layers: Layers = self.policy(self.embedding(specs))
        return layers


class Hyperzero(LearnedGenerator):
    """HyperZero with the action loss."""

    Config: ClassVar[type[MethodConfig]] = HyperzeroConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return HyperzeroNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the generated policies' actions, averaged over tasks and samples."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
