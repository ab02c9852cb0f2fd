"""PEARL, in its imitation form: a latent variable inferred from transitions conditions a policy.

Rakelly et al., "Efficient Off-Policy Meta-Reinforcement Learning via Probabilistic Context
Variables", ICML 2019.

    Psi(z | c_n)  = N(f_mu(c_n), diag f_sigma^2(c_n))   factor of one transition c_n = (s, a, r, s')
    q(z | c_1..N) ~ prod_n Psi(z | c_n)                 posterior, the same in any order
    a             = pi(s, z),  z ~ q                    [s, z] concatenated
    loss          = |pi(s, z) - a_expert|^2 + beta KL(q(z | c) || N(0, I))

The transitions are the support, the cloned samples (s, a_expert) the query: samples of different
episodes of a source task. For a target task z is the posterior's mean given all of its support.
Within a task z is constant, so W_z z is part of the first layer's bias: what is generated is an
ordinary policy on the observation alone.

Deviations from the paper:

- the policy is cloned from demonstrations instead of improved by soft actor-critic, so there is no
  critic, and the posterior learns from the cloning loss instead of the critic's;
- beta is smaller, for an error of actions is smaller than a critic's;
- schedule, clipping and batches are those of every method here, see ``common``; half of a step's
  samples are support, half query;
- the spec is not used: what the policy knows of its task it has from the support.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hyperbench.generator import MethodConfig
from hyperbench.search import Range, SearchSpace
from hyperbench_baselines.common.batches import Batch, TaskData
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.few_shot import EpisodeData, FewShotGenerator, TwoParts
from hyperbench_baselines.common.layers import Linear, uniform
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.common.shared_policy import SharedPolicy
from hyperbench_baselines.common.transfer import to_device

_SMALLEST_VARIANCE = 1e-7
"""Smallest variance of a factor, as released: none may outweigh all others."""


class PearlConfig(LearningConfig):
    """Hyper-parameters of PEARL."""

    SEARCH: ClassVar[SearchSpace] = {
        **LearningConfig.SEARCH,
        "kl_weight": Range(1e-6, 1e-1, log=True),
    }

    learning_rate: float = Field(3e-3, gt=0)
    """Adam's learning rate until the decay; chosen on validation tasks of pointmass and
    tracking/cheetah-speed."""
    latent_width: int = Field(5, ge=1)
    """Length of z, as published."""
    encoder_width: int = Field(200, ge=1)
    """Hidden units of the network behind the factors, as published."""
    encoder_depth: int = Field(3, ge=1)
    """Hidden layers of that network, as published."""
    kl_weight: float = Field(1e-4, ge=0)
    """beta, weight of the posterior's distance from N(0, I); chosen on validation tasks."""


class PearlNetwork(nn.Module):
    """Transitions -> posterior of z; z -> policies that share all but their first bias.

    Args:
        dimensions: of the family, with the unit of reward, which is kept with the weights.
        config: sizes.
        rng: draws the initial weights, and afterwards z.
    """

    def __init__(self, dimensions: Dimensions, config: PearlConfig, rng: torch.Generator):
        super().__init__()
        observation_dim, width = dimensions.observation_dim, config.encoder_width
        num_inputs = 2 * observation_dim + dimensions.action_dim + 1
        widths = (num_inputs, *(width,) * config.encoder_depth, 2 * config.latent_width)
        self.encoder = nn.ModuleList(Linear(*ends, rng) for ends in pairwise(widths))
        sizes = config.policy_sizes(observation_dim, dimensions.action_dim)
        num_inputs = observation_dim + config.latent_width
        self.policy = SharedPolicy(sizes, rng, first_num_inputs=num_inputs)
        bound = 1 / math.sqrt(num_inputs)
        self.latent_weight = uniform((config.latent_width, sizes[0][1]), bound, rng)
        self.register_buffer("reward_unit", torch.tensor(dimensions.reward_unit))
        self._rng = rng

    def posterior(self, support: Batch) -> tuple[Tensor, Tensor]:
        """Mean and variance of q, each (num_tasks, latent_width)."""
        after = support.transitions
        rewards = after.rewards.unsqueeze(-1) / self.reward_unit
        parts = (support.observations, support.actions, rewards, after.next_observations)
        hidden = torch.cat(parts, dim=-1)  # (num_tasks, num_samples, num_inputs)
        *first, last = self.encoder
        for layer in first:
            hidden = torch.relu(layer(hidden))
        means, spreads = last(hidden).chunk(2, dim=-1)
        precisions = 1 / functional.softplus(spreads).clamp(min=_SMALLEST_VARIANCE)
        variance = 1 / precisions.sum(dim=1)
        return variance * (precisions * means).sum(dim=1), variance

    def policies(self, latent: Tensor) -> Layers:
        """Make the policies of z (num_tasks, latent_width)."""
        (weight, bias), *others = self.policy(len(latent))
        return [(weight, torch.addmm(bias, latent, self.latent_weight)), *others]

    def draw(self, mean: Tensor, variance: Tensor) -> Tensor:
        """Draw z ~ q, differentiable in mean and variance."""
        noise = to_device(torch.randn(mean.shape, generator=self._rng), mean.device)
        return mean + variance.sqrt() * noise


class Pearl(FewShotGenerator):
    """PEARL, cloning."""

    Config: ClassVar[type[MethodConfig]] = PearlConfig
    Data: ClassVar[type[TaskData]] = EpisodeData

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return PearlNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: TwoParts) -> Tensor:
        """MSE of the actions at a z drawn from the posterior, and beta times its KL."""
        mean, variance = network.posterior(batch.support)
        layers = network.policies(network.draw(mean, variance))
        error = cloning_loss(layers, batch.query, self.config.policy_activation)
        return error + self.config.kl_weight * divergence(mean, variance)

    def validation_loss(self, network: nn.Module, batch: TwoParts) -> Tensor:
        """MSE of the actions at the posterior's mean, by which policies are generated."""
        layers = self.adapt(network, batch.query.specs, batch.support)
        return cloning_loss(layers, batch.query, self.config.policy_activation)

    def adapt(self, network: nn.Module, specs: Tensor, support: Batch) -> Layers:  # noqa: ARG002 - unused on purpose
        mean, _ = network.posterior(support)
        layers: Layers = network.policies(mean)
        return layers


def divergence(mean: Tensor, variance: Tensor) -> Tensor:
    """KL(N(mean, diag variance) || N(0, I)), (num_tasks, width) each, averaged over tasks."""
    return 0.5 * (variance + mean.square() - 1 - variance.log()).sum(dim=-1).mean()
