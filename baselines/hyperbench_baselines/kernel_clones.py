"""Kernel clones: one clone per source task; elsewhere their actions, mixed by a kernel on the spec.

Nadaraya's and Watson's estimate (1964) with clones in place of observed values:

    theta_i     = argmin MSE of the actions of source task i      from one theta_0 for all i
    c_i(M)      ~ exp(-|M - M_i|^2 / (2 h^2))                     sum_i c_i = 1
    a(s, M)     = sum_i c_i(M) pi(s; theta_i)                     actions are mixed, not weights

Distances are between specs as they are shown. The bandwidth h is the one of a few with the lowest
error on the validation tasks, each a multiple of the mean distance from a source spec to the
nearest other one; the smallest is close to the nearest clone alone. Without validation tasks it is
``default_bandwidth`` of them. At a source spec, too, its neighbours take part.

What is generated is a mixture, the house's kind of policies for this: all clones, and how much each
counts. Nothing but the clones and h is learned. Budget and batches are those of every method here,
see ``common``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import NotFittedError
from hyperbench.generator import MethodConfig
from hyperbench.mixture import MixturePolicies
from hyperbench.task import TaskSpec
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.clones import Clones, ClonesConfig, nearest
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import act, cloning_loss, to_policies

_BANDWIDTHS = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5)


class KernelClonesConfig(ClonesConfig):
    """Hyper-parameters of the clones and their kernel."""

    learning_rate: float = Field(4.3e-3, gt=0)
    """Adam's learning rate until the decay; found by ``tune``."""
    weight_decay: float = Field(0.1, ge=0)
    """Share of itself, times the learning rate, that every parameter loses in a step; found by
    ``tune``."""
    default_bandwidth: float = Field(0.35, gt=0)
    """Bandwidth without validation tasks, in mean distances to the nearest other source spec."""


class KernelClonesNetwork(Clones):
    """The clones, and what mixes their actions; arguments as of ``Clones``."""

    def __init__(
        self, dimensions: Dimensions, config: KernelClonesConfig, rng: torch.Generator
    ) -> None:
        super().__init__(dimensions, config, rng, nearest)
        self.register_buffer("bandwidth", torch.tensor(config.default_bandwidth))
        specs = torch.tensor(dimensions.source_specs, dtype=torch.float64)
        apart = torch.cdist(specs, specs) + torch.diag(torch.full((len(specs),), torch.inf))
        spacing = apart.amin(1)
        self._source = specs
        # A single source task has no neighbour, and needs no scale.
        self._spacing = float(spacing.mean()) if bool(spacing.isfinite().all()) else 1.0

    def shares(self, specs: Tensor, bandwidth: float) -> Tensor:
        """How much each clone counts: (num_tasks, shown_dim) -> (num_tasks, num_source)."""
        apart = torch.cdist(specs.double().cpu(), self._source) / (bandwidth * self._spacing)
        return torch.softmax(-(apart**2) / 2, dim=1)


class KernelClones(LearnedGenerator):
    """Clones whose actions are mixed by a kernel."""

    Config: ClassVar[type[MethodConfig]] = KernelClonesConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return KernelClonesNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of each source task's own clone."""
        layers = cast(KernelClonesNetwork, network).own(batch.specs)
        return cloning_loss(layers, batch, self.config.policy_activation)

    def validation_loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the mixed actions under the best bandwidth, which the network then keeps."""
        network = cast(KernelClonesNetwork, network)
        actions = self._actions_of_all(network, batch.observations)
        errors = {
            bandwidth: self._error(network, batch, actions, bandwidth) for bandwidth in _BANDWIDTHS
        }
        best = min(errors, key=lambda bandwidth: float(errors[bandwidth]))
        network.bandwidth.fill_(best)
        return errors[best]

    def generate(
        self,
        specs: Sequence[TaskSpec],
        support: Demonstrations | None = None,  # noqa: ARG002 - zero-shot
    ) -> MixturePolicies:
        """Mix for each spec; what is returned holds every clone.

        Raises:
            NotFittedError: neither ``fit`` nor ``load`` was called before.
        """
        if self._network is None or self._normalizer is None:
            raise NotFittedError(self)
        network = cast(KernelClonesNetwork, self._network)
        with torch.no_grad():
            members = to_policies(
                network.members(), self._normalizer, self.config.policy_activation
            )
            # One spec at a time: a policy must not depend on those it is generated beside.
            shares = [
                network.shares(torch.tensor(spec.vector)[None], float(network.bandwidth))
                for spec in specs
            ]
        return MixturePolicies(members, torch.cat(shares).numpy().astype(np.float32))

    def _actions_of_all(self, network: KernelClonesNetwork, observations: Tensor) -> Tensor:
        """What every clone does: (num_tasks, num_source, num_samples, action_dim)."""
        num_source = len(network.weight[0])
        return torch.stack(
            [
                act(
                    network.members(),
                    task.expand(num_source, -1, -1),
                    self.config.policy_activation,
                )
                for task in observations
            ]
        )

    def _error(
        self, network: KernelClonesNetwork, batch: Batch, actions: Tensor, bandwidth: float
    ) -> Tensor:
        shares = network.shares(batch.specs, bandwidth).to(actions)
        mixed = torch.einsum("tm,tmsa->tsa", shares, actions)
        return functional.mse_loss(mixed, batch.actions)
