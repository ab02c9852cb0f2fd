"""Nearest clone: one clone per source task; any other task is played by the nearest one's.

No paper: the first thing that anybody would try. What it scores can be had without relating one
task to another, so a method that generalises is above it.

    theta_i   = argmin MSE of the actions of source task i        from one theta_0 for all i
    theta(M)  = theta_i,  i = argmin_i |M - M_i|                  the first of several

Distances are between specs as they are shown; on an interval they are those of the control arm
``nearest-expert``, which plays the demonstrator itself in place of its clone.

Nothing but the clones is learned. Budget and batches are those of every method here, see
``common``: where there are more source tasks than a batch holds, each clone sees a share of them.
"""

from __future__ import annotations

from typing import ClassVar, cast

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.clones import Clones, ClonesConfig, nearest
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import cloning_loss


class NearestCloneConfig(ClonesConfig):
    """Hyper-parameters of the clones of which the nearest plays."""

    learning_rate: float = Field(8.8e-3, gt=0)
    """Adam's learning rate until the decay; found by ``tune``."""


class NearestClone(LearnedGenerator):
    """The nearest source task's clone."""

    Config: ClassVar[type[MethodConfig]] = NearestCloneConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return Clones(dimensions, self.config, rng, nearest)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the actions of each source task's own clone."""
        layers = cast(Clones, network).own(batch.specs)
        return cloning_loss(layers, batch, self.config.policy_activation)

    def validation_loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the nearest clones' actions."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
