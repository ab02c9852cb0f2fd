"""The second generated network, Q: what an action is worth in a task.

HyperZero and, on locomotion, HyPoGen add to the action loss

    value_weight * (Qhat(s, a) - q*)^2                                          value term
    td_weight    * (r + gamma * Qhat(s', stop_grad(pi(s'))) - q*)^2             TD term

for demonstrated steps (s, a, r, s') of demonstrated value q*. Both terms have gradients with
respect to Qhat alone: what the policy has of them comes through the embedding that both share.

No demonstration tells q* beyond the end of its episode; see ``values`` for what is assumed there,
and for the unit in which rewards and values are measured.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hyperbench.demonstration import Demonstrations
from hyperbench.generator import MethodConfig
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import EmbeddingConfig, LayerSizes
from hyperbench_baselines.common.layers import TaskEmbedding
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, act, apply, cloning_loss
from hyperbench_baselines.common.values import Valuation


class CriticConfig(EmbeddingConfig):
    """Hyper-parameters of a method that can generate a second network, Q."""

    value_weight: float = Field(0.01, ge=0)
    """Weight of the value term beside the action loss; with both weights 0 there is no Q."""
    td_weight: float = Field(0.01, ge=0)
    """Weight of the TD term beside the action loss."""
    discount: float = Field(0.99, ge=0, lt=1)
    """Gamma, of the demonstrated values and in the TD term."""

    @property
    def has_critic(self) -> bool:
        """Whether the loss needs Q."""
        return self.value_weight > 0 or self.td_weight > 0

    def critic_sizes(self, dimensions: Dimensions) -> LayerSizes:
        """Give (num_in, num_out) of each layer of Q: wide and deep as the policy."""
        hidden = (self.policy_width,) * (self.policy_depth - 1)
        return tuple(pairwise((dimensions.observation_dim + dimensions.action_dim, *hidden, 1)))


class CriticNetwork(nn.Module):
    """Specs (num_tasks, shown_dim) -> policies, and Q networks if the loss needs them.

    Args:
        dimensions: of the family.
        config: of the method, with an ``embedding_width``.
        rng: draws the initial weights.
        head: makes what turns the embedding that both share into a network of some layers.
    """

    def __init__(
        self,
        dimensions: Dimensions,
        config: CriticConfig,
        rng: torch.Generator,
        head: Callable[[LayerSizes], nn.Module],
    ) -> None:
        super().__init__()
        self.embedding = TaskEmbedding(dimensions.shown_dim, config.embedding_width, rng)
        self.policy = head(config.policy_sizes(dimensions.observation_dim, dimensions.action_dim))
        self.critic = head(config.critic_sizes(dimensions)) if config.has_critic else None

    def forward(self, specs: Tensor) -> Layers:
        layers: Layers = self.policy(self.embedding(specs))
        return layers

    def policy_and_critic(self, specs: Tensor) -> tuple[Layers, Layers | None]:
        """Generate policy and Q network of each task; None where no term needs Q."""
        embedding = self.embedding(specs)
        return self.policy(embedding), self.critic(embedding) if self.critic else None


class CriticGenerator(LearnedGenerator):
    """A method whose loss has value and TD terms, if its configuration gives them weight.

    Its network, called with specs, generates policies alone; ``policy_and_critic`` generates both.
    """

    Config: ClassVar[type[MethodConfig]] = CriticConfig

    def valuation(self, demonstrations: Demonstrations) -> Valuation | None:
        if not self.config.has_critic:
            return None
        return Valuation.of(demonstrations, self.config.discount)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the policies' actions, with the value and TD terms that have weight."""
        policy, critic = network.policy_and_critic(batch.specs)
        action_loss = cloning_loss(policy, batch, self.config.policy_activation)
        return action_loss + critic_loss(policy, critic, batch, self.config)

    def validation_loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the policies' actions: with values or without, weights are chosen alike."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)


def critic_loss(
    policy: Layers, critic: Layers | None, batch: Batch, config: CriticConfig
) -> Tensor:
    """Weigh and add the value and the TD term, averaged over tasks and samples.

    Args:
        policy: pi, for the TD term; no gradient flows into it.
        critic: Qhat, from [observation, action] to one number; None where no term has weight.
        batch: with transitions where there is a critic.
        config: the weights.
    """

    def value(observations: Tensor, actions: Tensor) -> Tensor:
        pairs = torch.cat([observations, actions], dim=-1)
        return apply(critic, pairs, "relu").squeeze(-1)  # (num_tasks, num_samples)

    loss = torch.zeros((), device=batch.actions.device)
    if critic is None or batch.transitions is None:
        return loss
    after = batch.transitions
    if config.value_weight > 0:
        error = functional.mse_loss(value(batch.observations, batch.actions), after.values)
        loss = loss + config.value_weight * error
    if config.td_weight > 0:
        with torch.no_grad():
            next_actions = act(policy, after.next_observations, config.policy_activation)
        following = after.discounts * value(after.next_observations, next_actions)
        error = functional.mse_loss(after.rewards + following, after.values)
        loss = loss + config.td_weight * error
    return loss
