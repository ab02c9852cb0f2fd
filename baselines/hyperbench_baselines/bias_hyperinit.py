"""Bias-HyperInit: a hypernetwork that starts as one policy for all tasks.

Beck et al., "Hypernetworks in Meta-Reinforcement Learning", CoRL 2022.

    z        = psi(M)                               task embedding
    theta_l  = theta_l^base + H_l z                 weights and biases of layer l

A plain hypernetwork with one linear head per layer; what is proposed is where its heads start. Each
head's bias theta_l^base starts as an ordinary policy's layer does, its matrix H_l at zero: before
the first step every spec has the same, well-conditioned policy, and specs are told apart only where
that lowers the loss. Both are learned.

Deviations from the paper:

- the task representation is the embedding of the spec; the paper's is inferred from experience;
- policies are cloned from demonstrations, not trained by reinforcement;
- schedule, clipping and batches are those of every method here, see ``common``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import EmbeddingConfig
from hyperbench_baselines.common.layers import TaskEmbedding
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.common.shared_policy import SharedPolicy


class BiasHyperinitConfig(EmbeddingConfig):
    """Hyper-parameters of the hypernetwork with bias-initialised heads."""

    SEARCH: ClassVar = {**EmbeddingConfig.SEARCH, "embedding_width": Choice((64, 128, 256, 512))}

    learning_rate: float = Field(5.9e-4, gt=0)
    """Adam's learning rate until the decay; this and the width were found by ``tune``."""
    embedding_width: int = Field(128, ge=4, multiple_of=4)
    """Length of the task embedding z."""


class BiasHyperinitNetwork(nn.Module):
    """H: specs (num_tasks, shown_dim) -> policies."""

    def __init__(self, dimensions: Dimensions, config: BiasHyperinitConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self.embedding = TaskEmbedding(dimensions.shown_dim, config.embedding_width, rng)
        # The biases of all heads together are an ordinary policy.
        self.base = SharedPolicy(sizes, rng)
        self.heads = nn.ParameterList(
            torch.zeros(config.embedding_width, num_in * num_out + num_out)
            for num_in, num_out in sizes
        )

    def forward(self, specs: Tensor) -> Layers:
        embedding = self.embedding(specs)
        layers = []
        for (weight, bias), head in zip(self.base(len(specs)), self.heads, strict=True):
            num_in, num_out = weight.shape[1:]
            of_weight, of_bias = (embedding @ head).split((num_in * num_out, num_out), dim=-1)
            layers.append((weight + of_weight.unflatten(-1, (num_in, num_out)), bias + of_bias))
        return layers


class BiasHyperinit(LearnedGenerator):
    """A hypernetwork with bias-initialised heads, cloned."""

    Config: ClassVar[type[MethodConfig]] = BiasHyperinitConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return BiasHyperinitNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the generated policies' actions, averaged over tasks and samples."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
