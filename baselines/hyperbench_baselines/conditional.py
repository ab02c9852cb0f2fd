"""Conditional policy: one network for all tasks, given the spec's embedding beside the observation.

The baseline "Cond" of Ren et al. (ICLR 2025) and Rezaei-Shoshtari et al. (AAAI 2023).

    z = psi(M)                                      task embedding, as HyperZero's
    h = relu(W_s s + W_z z + b_1)                   [s, z] concatenated, one hidden layer of 256
    a = tanh(W_2 h + b_2)

Within a task z is constant, so W_z z + b_1 is a bias: what is generated for a spec is an ordinary
policy on the observation alone, which differs from other tasks' in the bias of its first layer.

Deviations from the paper: the loss is that of the actions alone; schedule, clipping and batches are
those of every method here, see ``common``.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.layers import TaskEmbedding, uniform
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.common.shared_policy import SharedPolicy


class ConditionalConfig(LearningConfig):
    """Hyper-parameters of the conditional policy."""

    learning_rate: float = Field(3e-3, gt=0)
    """Adam's learning rate until the decay; chosen on validation tasks of cheetah-speed."""
    embedding_width: int = Field(256, ge=4, multiple_of=4)
    """Length of the task embedding z."""


class ConditionalNetwork(nn.Module):
    """Specs (num_tasks, num_features) -> policies that share all but their first bias."""

    def __init__(self, dimensions: Dimensions, config: ConditionalConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        num_inputs = dimensions.observation_dim + config.embedding_width
        self.embedding = TaskEmbedding(dimensions.num_features, config.embedding_width, rng)
        # The first layer reads num_inputs numbers, which sets the scale of its initial weights.
        self.policy = SharedPolicy(sizes, rng, first_num_inputs=num_inputs)
        bound = 1 / math.sqrt(num_inputs)
        self.embedding_weight = uniform((config.embedding_width, sizes[0][1]), bound, rng)

    def forward(self, specs: Tensor) -> Layers:
        (weight, bias), *others = self.policy(len(specs))
        embedding = self.embedding(specs)
        return [(weight, torch.addmm(bias, embedding, self.embedding_weight)), *others]


class Conditional(LearnedGenerator):
    """The conditional policy, cloned."""

    Config: ClassVar[type[MethodConfig]] = ConditionalConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return ConditionalNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the policy's actions, averaged over tasks and samples."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
