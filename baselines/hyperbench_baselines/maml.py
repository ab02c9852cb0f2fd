"""MAML: an initial policy from which a few gradient steps lead to the policy of any task.

Finn et al., "Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks", ICML 2017, with
behaviour cloning as the loss, inside and outside.

    phi_i^0  = theta                                        one initialisation for all tasks
    phi_i^j  = phi_i^(j-1) - alpha grad L(phi_i^(j-1), S_i)     j = 1..k, on the task's support S_i
    theta    minimises the mean over tasks of L(phi_i^k, Q_i)   on its query Q_i

L is the mean squared error of the actions. S_i and Q_i are samples of different episodes of a
source task. For a target task the steps are taken on all of its support, and may be more than k.
Each task's weights are a slice of a stack, so one product serves the inner steps of all tasks; the
gradient of theta goes through them (second order), or takes the inner gradients for constants
(first order).

Deviations from the paper:

- theta is fitted by Adam with the schedule, clipping and number of samples of every method here,
  see ``common``; half of a step's samples are support, half query;
- the spec is not used: what the policy knows of its task it has from the support.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.policy import Activation
from hyperbench.search import Range, SearchSpace
from hyperbench_baselines.common.batches import Batch, TaskData
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.few_shot import EpisodeData, FewShotGenerator, TwoParts
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.common.shared_policy import SharedPolicyNetwork


class MamlConfig(LearningConfig):
    """Hyper-parameters of MAML."""

    SEARCH: ClassVar[SearchSpace] = {
        **LearningConfig.SEARCH,
        "inner_learning_rate": Range(1e-2, 1.0, log=True),
    }

    learning_rate: float = Field(3e-3, gt=0)
    """Adam's learning rate until the decay; chosen on validation tasks of pointmass and
    tracking/cheetah-speed."""
    inner_steps: int = Field(10, ge=1)
    """k, gradient steps from the initialisation to a source task's policy."""
    inner_learning_rate: float = Field(0.05, gt=0)
    """alpha, of those steps; chosen likewise. With 256 hidden units, 0.1 can be too long a step."""
    adaptation_steps: int = Field(100, ge=1)
    """Gradient steps from the initialisation to a target task's policy: as many as fine-tuned
    methods take. More than k, as in the paper's evaluations, were better on validation tasks."""
    second_order: bool = True
    """Whether the gradient of the initialisation goes through the inner gradients."""


class Maml(FewShotGenerator):
    """MAML, cloning."""

    Config: ClassVar[type[MethodConfig]] = MamlConfig
    Data: ClassVar[type[TaskData]] = EpisodeData

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return SharedPolicyNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: TwoParts) -> Tensor:
        """MSE of the adapted policies' actions on the query, averaged over tasks and samples."""
        layers = self._descend(network, batch.support, self.config.inner_steps)
        return cloning_loss(layers, batch.query, self.config.policy_activation)

    def adapt(self, network: nn.Module, specs: Tensor, support: Batch) -> Layers:  # noqa: ARG002 - they tell nothing
        return self._descend(network, support, self.config.adaptation_steps)

    def _descend(self, network: nn.Module, support: Batch, num_steps: int) -> Layers:
        config = self.config
        through_gradients = config.second_order and torch.is_grad_enabled()
        # Generating and measuring need the inner gradients, too, where no others are wanted.
        with torch.enable_grad():
            layers = network(support.specs)
            for _ in range(num_steps):
                layers = descend(
                    layers,
                    support,
                    config.inner_learning_rate,
                    config.policy_activation,
                    create_graph=through_gradients,
                )
        return layers


def descend(
    layers: Layers, batch: Batch, step_size: float, activation: Activation, *, create_graph: bool
) -> Layers:
    """Take one gradient step of behaviour cloning in every task.

    Args:
        layers: the policies, with gradients.
        batch: samples of each policy's task.
        step_size: alpha.
        activation: of the policies' hidden layers.
        create_graph: whether the step's gradients have gradients.
    """
    # Summed over tasks, for then each task's weights have the gradient of its own mean error.
    loss = len(batch.actions) * cloning_loss(
        layers, batch, activation, twice_differentiable=create_graph
    )
    weights = [weight for layer in layers for weight in layer]
    gradients = torch.autograd.grad(loss, weights, create_graph=create_graph)
    moved = [w - step_size * g for w, g in zip(weights, gradients, strict=True)]
    return list(zip(moved[::2], moved[1::2], strict=True))
