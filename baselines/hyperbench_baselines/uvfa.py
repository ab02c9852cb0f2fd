"""UVFA: the conditional policy, whose embedding also serves a value function.

The baseline "UVFA" of Ren et al. (ICLR 2025) and Rezaei-Shoshtari et al. (AAAI 2023); after Schaul
et al., "Universal Value Function Approximators", ICML 2015.

    z = psi(M)                                      task embedding
    a = pi([s, z])                                  as the conditional policy
    q = w_2 relu(W_s s + W_a a + W_z z + b_1) + b_2     the Q head, of the same z

As in the policy, z is constant within a task and W_z z + b_1 a bias: both are ordinary networks of
the observation (and the action), which differ from other tasks' in the bias of their first layer.
The loss adds the value and TD terms of ``common.critic``; what is generated is the policy alone.

Deviations from the paper: values are returns-to-go of the demonstrations, not estimates of the
expert's own critic; schedule, clipping and batches are those of every method here, see ``common``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from hyperbench.generator import MethodConfig
from hyperbench_baselines.common.conditioned import ConditionedPolicy
from hyperbench_baselines.common.critic import CriticConfig, CriticGenerator, CriticNetwork
from hyperbench_baselines.common.learned import Dimensions


class UvfaConfig(CriticConfig):
    """Hyper-parameters of UVFA."""

    learning_rate: float = Field(3.7e-3, gt=0)
    """Adam's learning rate until the decay; found by ``tune``."""
    weight_decay: float = Field(0.1, ge=0)
    """Share of itself, times the learning rate, that every parameter loses in a step; found by
    ``tune``."""
    spec_scale: float = Field(2.9, gt=0)
    """Factor on what the network is shown of a spec; found by ``tune``."""
    embedding_width: int = Field(256, ge=4, multiple_of=4)
    """Length of the task embedding z."""


class UvfaNetwork(CriticNetwork):
    """Specs (num_tasks, shown_dim) -> policies, and Q networks if the loss needs them."""

    def __init__(self, dimensions: Dimensions, config: UvfaConfig, rng: torch.Generator):
        width = config.embedding_width
        super().__init__(
            dimensions, config, rng, lambda sizes: ConditionedPolicy(sizes, width, rng)
        )


class Uvfa(CriticGenerator):
    """UVFA, cloned."""

    Config: ClassVar[type[MethodConfig]] = UvfaConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return UvfaNetwork(dimensions, self.config, rng)
