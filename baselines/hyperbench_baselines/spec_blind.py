"""Spec-blind cloning: one policy for all tasks, fitted to all demonstrations, spec unseen.

No paper: a control arm. What it scores can be had without reading the spec, so only what a method
scores above it shows that the method understands specs.

    a = tanh(W_2 relu(W_1 s + b_1) + b_2)           the same for every task

Budget, batches and policy are those of every method here, see ``common``.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import cloning_loss
from hyperbench_baselines.common.shared_policy import SharedPolicyNetwork


class SpecBlindConfig(LearningConfig):
    """Hyper-parameters of spec-blind cloning."""

    learning_rate: float = Field(3e-3, gt=0)
    """Adam's learning rate until the decay; what the conditional policy had before its study."""


class SpecBlind(LearnedGenerator):
    """Cloning without the spec."""

    Config: ClassVar[type[MethodConfig]] = SpecBlindConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return SharedPolicyNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the one policy's actions, averaged over tasks and samples."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
