"""Fine-tuning: a generated policy, then gradient steps on demonstrations of its task.

No paper: the obvious thing to do with a zero-shot method where a target task is demonstrated, and
so what methods of the few-shot track must be compared with.

    phi_i^0  = theta(M_i)                               the zero-shot method's policy for the spec
    phi_i^j  = phi_i^(j-1) - Adam(grad L(phi_i^(j-1), S_i))     j = 1..k, on the task's support S_i

L is the mean squared error of the actions. The fit is that of the zero-shot method, which does not
know that its policies will be fine-tuned; all weights of a policy move.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from hyperbench.generator import MethodConfig
from hyperbench.search import Range, SearchSpace
from hyperbench.seeding import child_seed
from hyperbench_baselines.common.adam import Adam
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.few_shot import FewShotGenerator
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.conditional import Conditional, ConditionalConfig
from hyperbench_baselines.hypogen import Hypogen, HypogenConfig


class FinetunedConfig(MethodConfig):
    """Hyper-parameters of fine-tuning, beside those of the method that is fine-tuned."""

    finetune_steps: int = Field(100, ge=0)
    """k, gradient steps on the support."""
    finetune_learning_rate: float = Field(3e-3, gt=0)
    """Adam's learning rate of those steps; chosen on validation tasks of pointmass and
    tracking/cheetah-speed."""
    finetune_samples: int = Field(512, ge=1)
    """Samples of the support in a step, drawn with replacement."""


_SEARCH: SearchSpace = {"finetune_learning_rate": Range(1e-4, 1e-2, log=True)}


class Finetuned(FewShotGenerator):
    """Put before a zero-shot method among the bases of a class, fine-tunes what it generates."""

    def adapt(self, network: nn.Module, specs: Tensor, support: Batch) -> Layers:
        config = self.config
        layers = [
            (weight.detach().clone(), bias.detach().clone()) for weight, bias in network(specs)
        ]
        weights = [weight.requires_grad_() for layer in layers for weight in layer]
        # Adam keeps its averages for each number by itself, so tasks stacked in one tensor do not
        # meet; nor do their gradients, the loss being a sum over tasks.
        optimizer = Adam(weights, fused=False)
        # The same positions in every task's support, whichever tasks are asked for together.
        rng = torch.Generator().manual_seed(child_seed(0, "fine-tuning"))
        num_tasks, num_samples = support.actions.shape[:2]
        with torch.enable_grad():
            for _ in range(config.finetune_steps):
                drawn = torch.randint(num_samples, (config.finetune_samples,), generator=rng)
                batch = Batch(specs, support.observations[:, drawn], support.actions[:, drawn])
                optimizer.zero_grad()
                loss = num_tasks * cloning_loss(layers, batch, config.policy_activation)
                loss.backward()
                optimizer.step(config.finetune_learning_rate)
        return layers


class HypogenFinetunedConfig(FinetunedConfig, HypogenConfig):
    """Hyper-parameters of HyPoGen and of fine-tuning."""

    SEARCH: ClassVar[SearchSpace] = {**HypogenConfig.SEARCH, **_SEARCH}


class HypogenFinetuned(Finetuned, Hypogen):
    """HyPoGen, then gradient steps."""

    Config: ClassVar[type[MethodConfig]] = HypogenFinetunedConfig


class ConditionalFinetunedConfig(FinetunedConfig, ConditionalConfig):
    """Hyper-parameters of the conditional policy and of fine-tuning."""

    SEARCH: ClassVar[SearchSpace] = {**ConditionalConfig.SEARCH, **_SEARCH}


class ConditionalFinetuned(Finetuned, Conditional):
    """The conditional policy, then gradient steps."""

    Config: ClassVar[type[MethodConfig]] = ConditionalFinetunedConfig
