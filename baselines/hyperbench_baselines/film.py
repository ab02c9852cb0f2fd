"""FiLM: one policy for all tasks, whose hidden units the spec scales and shifts.

Perez et al., "FiLM: Visual Reasoning with a General Conditioning Layer", AAAI 2018.

    z                = psi(M)                       task embedding, as HyperZero's
    gamma_l, beta_l  = 1 + G_l z + g_l, B_l z + b_l     one number each per hidden unit
    h_l              = relu(gamma_l * (W_l h_(l-1) + c_l) + beta_l),    h_0 = s
    a                = tanh(W_L h_(L-1) + c_L)

Within a task gamma_l and beta_l are constant, so they belong to the layer: what is generated for a
spec is an ordinary policy with the weights gamma_l * W_l and biases gamma_l * c_l + beta_l. As in
the paper, the distance of gamma from 1 is what is learned: an untrained modulation erases nothing.

Deviations from the paper:

- what is modulated is a policy's linear layers, not batch-normalised convolutions, which a policy
  of this size has no use for;
- what modulates is the task embedding that all methods here share, not a recurrent network over the
  words of a question;
- schedule, clipping and batches are those of every method here, see ``common``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice, Range
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import EmbeddingConfig
from hyperbench_baselines.common.layers import Linear, TaskEmbedding
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.common.shared_policy import SharedPolicy


class FilmConfig(EmbeddingConfig):
    """Hyper-parameters of FiLM."""

    SEARCH: ClassVar = {
        **EmbeddingConfig.SEARCH,
        "learning_rate": Range(3e-5, 5e-2, log=True),
        "embedding_width": Choice((32, 64, 128, 256, 512)),
    }

    learning_rate: float = Field(7.8e-3, gt=0)
    """Adam's learning rate until the decay; found by ``tune``, as are the fields below it."""
    weight_decay: float = Field(0.01, ge=0)
    """Share of itself, times the learning rate, that every parameter loses in a step."""
    spec_scale: float = Field(5.1, gt=0)
    """Factor on what the network is shown of a spec."""
    embedding_width: int = Field(64, ge=4, multiple_of=4)
    """Length of the task embedding z."""
    policy_depth: int = Field(2, ge=2)
    """Linear layers of a generated policy; with one there would be no hidden unit to modulate."""


class FilmNetwork(nn.Module):
    """Specs (num_tasks, shown_dim) -> policies that share all but gamma and beta."""

    def __init__(self, dimensions: Dimensions, config: FilmConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        num_modulated = (len(sizes) - 1) * config.policy_width
        self.embedding = TaskEmbedding(dimensions.shown_dim, config.embedding_width, rng)
        self.policy = SharedPolicy(sizes, rng)
        self.modulation = Linear(config.embedding_width, 2 * num_modulated, rng)

    def forward(self, specs: Tensor) -> Layers:
        *hidden, last = self.policy(len(specs))
        # (num_tasks, 2 * num_hidden_layers * width) -> per layer (num_tasks, 2, width)
        modulation = self.modulation(self.embedding(specs))
        modulations = modulation.unflatten(-1, (len(hidden), 2, -1)).unbind(1)
        layers = []
        for (weight, bias), per_unit in zip(hidden, modulations, strict=True):
            scale, shift = 1 + per_unit[:, 0], per_unit[:, 1]
            layers.append((scale.unsqueeze(1) * weight, scale * bias + shift))
        return [*layers, last]


class Film(LearnedGenerator):
    """FiLM, cloned."""

    Config: ClassVar[type[MethodConfig]] = FilmConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return FilmNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the policy's actions, averaged over tasks and samples."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
