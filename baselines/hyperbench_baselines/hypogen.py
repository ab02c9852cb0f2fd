"""HyPoGen: a hypernetwork whose structure is that of gradient descent.

Ren et al., "Optimization-Biased Hypernetworks for Generalizable Policy Generation", ICLR 2025.

A spec M becomes the weights theta of a policy in K steps that look like descent on a loss nobody
computes, because a target task has no data:

    z       = psi(M)                                              task embedding
    theta^k = theta^(k-1) + step_k * LN(Dec(g^k)),                k = 1..K; theta^0 learned, shared

The "gradient" g^k obeys the chain rule of the policy's layers l = 1..L:

    w_l     = Enc_l(theta_l)                                      weight code
    a_0     = f_in(z),  a_l = f_l(a_(l-1), w_l)                   pseudo-forward
    d_L     = f_loss(z)                                           pseudo-loss
    d_(l-1) = J^a_l(a_(l-1), w_l) d_l                             pseudo-backward
    g_l     = J^w_l(a_(l-1), w_l) d_l                             latent update, decoded by Dec_l

f and the Jacobians J are two-layer perceptrons, each block with its own; Enc and Dec are two-layer
perceptrons shared by the blocks. LN normalises each whole weight matrix and each bias vector, and
has affine parameters of that shape, shared by the blocks. A second descent from the same z, with
codecs and blocks of its own, generates Q where the loss has value or TD terms (see
``common.critic``). The blocks are in ``pseudo_descent``.

Deviations from the paper:

- the learning rate falls linearly after 60 % of the steps instead of by half at 1500, 1800 and 1900
  of 2000 epochs, the gradient's norm is clipped at 1, and batches are drawn per task;
- the last layer of the policy is linear before its tanh, as written in the paper (one released
  version puts the hidden activation there, which makes negative actions impossible);
- values are returns-to-go of the demonstrations, not estimates of the expert's own critic;
- the default is smaller than the published size and has no Q; ``preset=published`` has both.

As published, each block owns an f_L and a J^a_1 although nothing uses a_L and d_0. Their parameters
are kept, so that sizes compare with published ones; they are not computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.policy import MLPPolicies
from hyperbench.search import Choice
from hyperbench.task import TaskSpec
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.critic import CriticConfig, CriticGenerator, critic_loss
from hyperbench_baselines.common.layers import TaskEmbedding
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.pseudo_descent import DescentConfig, PseudoDescent


class HypogenConfig(DescentConfig, CriticConfig):
    """Hyper-parameters of HyPoGen."""

    PRESETS: ClassVar = {
        "published": {
            "num_blocks": 8,
            "code_width": 128,
            "codec_width": 256,
            "block_width": 128,
            "learning_rate": 5e-4,
            "value_weight": 0.01,
            "td_weight": 0.01,
        },
    }

    SEARCH: ClassVar = {
        **CriticConfig.SEARCH,
        **DescentConfig.SEARCH,
        "early_supervision": Choice((False, True)),
    }

    preset: Literal["default", "published"] = "default"
    """Where defaults come from: ours, or the paper's sizes, loss and learning rate."""
    learning_rate: float = Field(3.2e-4, gt=0)
    """Adam's learning rate until the decay; this and the descent's sizes were found by ``tune``."""
    early_supervision: bool = False
    """Whether the action loss is that of all K policies on the way, averaged, or of the last."""
    value_weight: float = Field(0.0, ge=0)
    """Weight of the value term beside the action loss; with both weights 0 there is no Q."""
    td_weight: float = Field(0.0, ge=0)
    """Weight of the TD term beside the action loss."""

    @classmethod
    def published(cls, **overrides: Any) -> HypogenConfig:
        """Make the configuration of the published size."""
        return cls(preset="published", **overrides)


class HypogenNetwork(nn.Module):
    """H: specs (num_tasks, shown_dim) -> policies, and Q networks if the loss needs them."""

    def __init__(self, dimensions: Dimensions, config: HypogenConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self.embedding = TaskEmbedding(dimensions.shown_dim, config.embedding_width, rng)
        self.policy = PseudoDescent(sizes, config, rng)
        self.critic = None
        if config.has_critic:
            self.critic = PseudoDescent(config.critic_sizes(dimensions), config, rng)

    def forward(self, specs: Tensor) -> Layers:
        return self.iterates(specs)[-1]

    def iterates(self, specs: Tensor) -> list[Layers]:
        """theta^1..theta^K; the last is the policy."""
        iterates: list[Layers] = self.policy(self.embedding(specs))
        return iterates

    def iterates_and_critic(self, specs: Tensor) -> tuple[list[Layers], Layers | None]:
        """theta^1..theta^K of the policy, and Q where there is one."""
        embedding = self.embedding(specs)
        return self.policy(embedding), self.critic(embedding)[-1] if self.critic else None


class Hypogen(CriticGenerator):
    """HyPoGen, cloned."""

    Config: ClassVar[type[MethodConfig]] = HypogenConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return HypogenNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the actions of theta^K, or of all, with the terms of Q that have weight."""
        iterates, critic = network.iterates_and_critic(batch.specs)
        supervised = iterates if self.config.early_supervision else iterates[-1:]
        activation = self.config.policy_activation
        losses = [cloning_loss(policy, batch, activation) for policy in supervised]
        return torch.stack(losses).mean() + critic_loss(iterates[-1], critic, batch, self.config)

    def intermediate(self, specs: Sequence[TaskSpec]) -> list[MLPPolicies]:
        """Generate the policies of theta^1..theta^K; the last are those of ``generate``."""
        return self.generate_stages(specs, lambda network, vector, _: network.iterates(vector))
