"""What methods of the few-shot track share: batches in two parts, and one adaptation per task."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import NotFittedError, SupportError
from hyperbench.policy import MLPPolicies
from hyperbench.task import FloatArray, TaskSpec
from hyperbench_baselines.common.batches import Batch, TaskData
from hyperbench_baselines.common.learned import LearnedGenerator
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.policies import Layers
from hyperbench_baselines.common.values import Valuation

_AS_THEY_ARE = Valuation(discount=0.0, unit=1.0)
"""Rewards in their own unit: nothing here learns values."""


@dataclass(frozen=True)
class TwoParts:
    """Samples of several tasks, of each from two sets of episodes.

    Args:
        support: what is adapted to.
        query: what the adapted policies are measured on.
    """

    support: Batch
    query: Batch


class EpisodeData(TaskData):
    """The samples of several tasks, with transitions, drawn in two parts.

    A task's steps, one episode after the other, are a circle that is cut in half: at the beginning
    of an episode drawn at random, and opposite. With an even number of equally long episodes no
    episode is on both sides; otherwise the one that the second cut falls into is.

    Args:
        demonstrations: of source or validation tasks, or support.
        normalizer: of the source tasks.
        device: where the samples live.
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        normalizer: Normalizer,
        device: torch.device,
        valuation: Valuation | None = None,  # noqa: ARG002 - rewards are as they are
        specs: FloatArray | None = None,
    ) -> None:
        super().__init__(demonstrations, normalizer, device, _AS_THEY_ARE, specs)
        lengths = [[len(episode) for episode in row] for row in demonstrations.episodes]
        self._cuts = [
            torch.tensor([sum(row[:i]) / sum(row) for i in range(len(row))]) for row in lengths
        ]

    def draw(self, num_tasks: int, num_samples: int, rng: torch.Generator) -> TwoParts:
        """Draw tasks without, and samples of each with replacement, as many in all as others do.

        Args:
            num_tasks: tasks in the batch; all of them where there are no more.
            num_samples: samples of each task, half of them support; at least one of each part.
            rng: a generator on the CPU, so that every device sees the same batches.
        """
        tasks = torch.randperm(len(self._lengths), generator=rng)[:num_tasks]
        numbers = torch.rand(len(tasks), generator=rng).tolist()
        cuts = [
            self._cuts[task][int(number * len(self._cuts[task]))]
            for task, number in zip(tasks.tolist(), numbers, strict=True)
        ]
        shares = torch.rand(len(tasks), max(2, num_samples), generator=rng)
        return self._parts(tasks, torch.stack(cuts), shares)

    def spread(self, num_samples: int) -> TwoParts:
        """Take the same samples every time: the first half of each task's, and the second."""
        num_samples = max(2, min(num_samples, int(self._lengths.max())))
        tasks = torch.arange(len(self._lengths))
        num_each = num_samples // 2
        shares = ((torch.arange(num_each) + 0.5) / num_each).repeat(2)
        return self._parts(tasks, torch.zeros(len(tasks)), shares.expand(len(tasks), -1))

    def all(self) -> Batch:
        """Take every sample of each task, where tasks have equally many."""
        return super().spread(int(self._lengths.max()))

    def _parts(self, tasks: Tensor, cuts: Tensor, shares: Tensor) -> TwoParts:
        """Take the samples at ``shares`` in [0, 1) of either half: half of them of each."""
        support, query = (cuts[:, None] + shares / 2).tensor_split(2, dim=1)
        return TwoParts(self._gather(tasks, support % 1), self._gather(tasks, (query + 0.5) % 1))


class FewShotGenerator(LearnedGenerator):
    """A method whose policy for a task also follows from demonstrations of that task.

    One that learns to adapt has ``EpisodeData`` for its ``Data``, and a loss of ``TwoParts``.
    """

    @abstractmethod
    def adapt(self, network: nn.Module, specs: Tensor, support: Batch) -> Layers:
        """Make one policy per task, each from its own row of the arguments alone.

        Args:
            network: what was built and fitted.
            specs: (num_tasks, shown_dim).
            support: samples of the same tasks, with transitions.
        """

    def generate(
        self, specs: Sequence[TaskSpec], support: Demonstrations | None = None
    ) -> MLPPolicies:
        if self._normalizer is None:
            raise NotFittedError(self)
        if support is None:
            raise SupportError(self)
        normalizer, cpu = self._normalizer, torch.device("cpu")

        def adapted(network: nn.Module, vector: Tensor, spec: TaskSpec) -> list[Layers]:
            # One task at a time, as specs are: no policy depends, even in its last bit, on another.
            own = EpisodeData(support.select([spec]), normalizer, cpu).all()
            layers = self.adapt(network, vector, own)
            return [[(weight.detach(), bias.detach()) for weight, bias in layers]]

        [policies] = self.generate_stages(specs, adapted)
        return policies
