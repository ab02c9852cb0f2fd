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

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.conditioned import ConditionedPolicy
from hyperbench_baselines.common.config import EmbeddingConfig
from hyperbench_baselines.common.layers import TaskEmbedding
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.matched import EmbeddingWidth, with_matched_width


class ConditionalConfig(EmbeddingConfig):
    """Hyper-parameters of the conditional policy."""

    # So wide an embedding diverges at the default's learning rate.
    PRESETS: ClassVar = {"matched": {"embedding_width": "matched", "learning_rate": 1.5e-3}}
    SEARCH: ClassVar = {**EmbeddingConfig.SEARCH, "embedding_width": Choice((64, 128, 256, 512))}

    preset: Literal["default", "matched"] = "default"
    """Where defaults come from: ours, or ours with HyPoGen's number of parameters."""
    learning_rate: float = Field(5e-3, gt=0)
    """Adam's learning rate until the decay: less than ``tune`` found, which diverges elsewhere."""
    spec_scale: float = Field(8.4, gt=0)
    """Factor on what the network is shown of a spec; found by ``tune``."""
    embedding_width: EmbeddingWidth = 128
    """Length of the task embedding z; found by ``tune``. ``matched`` is the one that gives the
    network as many parameters as HyPoGen's default has."""


class ConditionalNetwork(nn.Module):
    """Specs (num_tasks, shown_dim) -> policies."""

    def __init__(self, dimensions: Dimensions, config: ConditionalConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self.embedding = TaskEmbedding(dimensions.shown_dim, config.embedding_width, rng)
        self.policy = ConditionedPolicy(sizes, config.embedding_width, rng)

    def forward(self, specs: Tensor) -> Layers:
        layers: Layers = self.policy(self.embedding(specs))
        return layers


class Conditional(LearnedGenerator):
    """The conditional policy, cloned."""

    Config: ClassVar[type[MethodConfig]] = ConditionalConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        config = with_matched_width(self.config, dimensions, ConditionalNetwork)
        return ConditionalNetwork(dimensions, config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the policy's actions, averaged over tasks and samples."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
