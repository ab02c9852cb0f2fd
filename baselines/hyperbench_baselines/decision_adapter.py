"""Decision Adapter: one policy for all tasks, with a small network in it that the spec writes.

Beukman et al., "Dynamics Generalisation in Reinforcement Learning via Adaptive Context-Aware
Policies", NeurIPS 2023.

    z             = psi(M)                          task embedding, as HyperZero's
    D, d, U, u    = H z + theta^base                the adapter's weights, all of them generated
    h             = relu(W_1 s + c_1)               the policy's hidden layers, shared by all tasks
    g             = relu(U relu(D h + d) + u)       a bottleneck between two layers
    a             = tanh(W_L (h + g) + c_L)         a skip connection goes around it

For a spec that is an ordinary policy with two more layers: since h is not negative, a ReLU hands it
on unchanged, beside the bottleneck. It is written so when it is generated, and computed the short
way while it is fitted.

Deviations from the paper:

- the adapter follows a hidden layer's ReLU, and with it the policy that all methods here generate;
  the paper's trunk has one more layer, without activation, before it;
- what is generated is linear in the task embedding that all methods here share; the paper's
  hypernetwork reads the context itself, and writes the weights in chunks;
- its biases start as an ordinary adapter's and its matrix at zero (Beck et al., CoRL 2022), one of
  the initialisations in the authors' code;
- only the policy is adapted; the paper's critic is, too;
- policies are cloned from demonstrations, not trained by reinforcement, and their hidden layers
  have ReLU in the manipulation setting, too: tanh hands nothing on unchanged;
- schedule, clipping and batches are those of every method here, see ``common``.
"""

from __future__ import annotations

from typing import ClassVar, Literal, NamedTuple, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import EmbeddingConfig
from hyperbench_baselines.common.layers import TaskEmbedding, uniform
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers
from hyperbench_baselines.common.portions import apply_at_once
from hyperbench_baselines.common.shared_policy import SharedPolicy


class DecisionAdapterConfig(EmbeddingConfig):
    """Hyper-parameters of the Decision Adapter."""

    POLICIES: ClassVar = {"manipulation": {"policy_depth": 3}}
    SEARCH: ClassVar = {
        **EmbeddingConfig.SEARCH,
        "embedding_width": Choice((64, 128, 256)),
        "bottleneck": Choice((8, 16, 32, 64)),
    }

    embedding_width: int = Field(64, ge=4, multiple_of=4)
    """Length of the task embedding z."""
    bottleneck: int = Field(32, ge=1)
    """Hidden units of the adapter; the published number."""
    policy_depth: int = Field(2, ge=2)
    """Linear layers of the policy without its adapter, which follows the last hidden one."""
    policy_activation: Literal["relu"] = "relu"
    """Activation of the policy's hidden layers, which must hand on what is not negative."""


class Adapter(NamedTuple):
    """Each task's adapter: weights (num_tasks, num_in, num_out), biases (num_tasks, num_out)."""

    down: tuple[Tensor, Tensor]
    up: tuple[Tensor, Tensor]


class DecisionAdapterNetwork(nn.Module):
    """Specs (num_tasks, shown_dim) -> policies that share all but their adapters."""

    def __init__(
        self, dimensions: Dimensions, config: DecisionAdapterConfig, rng: torch.Generator
    ) -> None:
        super().__init__()
        width, bottleneck = config.policy_width, config.bottleneck
        self.sizes = ((width, bottleneck), (bottleneck, width))
        self.embedding = TaskEmbedding(dimensions.shown_dim, config.embedding_width, rng)
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self.policy = SharedPolicy(sizes, rng)
        # The biases of both heads are an ordinary adapter.
        self.base = nn.ParameterList(
            torch.cat([uniform((num_in * num_out,), bound, rng), uniform((num_out,), bound, rng)])
            for num_in, num_out in self.sizes
            for bound in [num_in**-0.5]
        )
        self.heads = nn.ParameterList(
            torch.zeros(config.embedding_width, len(base)) for base in self.base
        )

    def adapter(self, specs: Tensor) -> Adapter:
        """Write each task's adapter."""
        embedding = self.embedding(specs)
        layers = []
        for (num_in, num_out), base, head in zip(self.sizes, self.base, self.heads, strict=True):
            weight, bias = (embedding @ head + base).split((num_in * num_out, num_out), dim=-1)
            layers.append((weight.unflatten(-1, (num_in, num_out)), bias))
        return Adapter(*layers)

    def act(self, specs: Tensor, observations: Tensor) -> Tensor:
        """Act with each task's adapter in its place.

        Args:
            specs: (num_tasks, shown_dim).
            observations: (num_tasks, num_samples, obs_dim), normalised.

        Returns:
            (num_tasks, num_samples, action_dim), in [-1, 1].
        """
        *trunk, last = self.policy(len(specs))
        # Wide layers go in and come out, which portions would only copy once more.
        hidden = torch.relu(apply_at_once(trunk, observations, "relu"))
        adapted = torch.relu(apply_at_once(list(self.adapter(specs)), hidden, "relu"))
        return torch.tanh(apply_at_once([last], hidden + adapted, "relu"))

    def forward(self, specs: Tensor) -> Layers:
        """Write the policies as plain layers."""
        num_tasks = len(specs)
        *trunk, (last_weight, last_bias) = self.policy(num_tasks)
        (down, down_bias), (up, up_bias) = self.adapter(specs)
        width = self.sizes[0][0]
        # Beside the bottleneck, and beside what comes of it, stands h itself.
        same = torch.eye(width).to(down).expand(num_tasks, -1, -1)
        nothing = torch.zeros(num_tasks, width).to(down)
        above = torch.zeros_like(up)
        return [
            *trunk,
            (torch.cat([same, down], -1), torch.cat([nothing, down_bias], -1)),
            (
                torch.cat(
                    [
                        torch.cat([same, torch.zeros_like(same)], -1),
                        torch.cat([above, up], -1),
                    ],
                    -2,
                ),
                torch.cat([nothing, up_bias], -1),
            ),
            (torch.cat([last_weight, last_weight], -2), last_bias),
        ]


class DecisionAdapter(LearnedGenerator):
    """The Decision Adapter, cloned."""

    Config: ClassVar[type[MethodConfig]] = DecisionAdapterConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return DecisionAdapterNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the adapted policies' actions, averaged over tasks and samples."""
        acted = cast(DecisionAdapterNetwork, network).act(batch.specs, batch.observations)
        return nn.functional.mse_loss(acted, batch.actions)
