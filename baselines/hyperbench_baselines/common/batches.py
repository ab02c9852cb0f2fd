"""Batches drawn per task, so that a task's policy is generated once for all of its samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hyperbench.demonstration import Demonstrations
from hyperbench.task import FloatArray, spec_matrix
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.transfer import to_device
from hyperbench_baselines.common.values import Valuation


@dataclass(frozen=True)
class Transitions:
    """What followed the actions of a batch, for methods that learn values.

    Args:
        next_observations: (num_tasks, num_samples, obs_dim), normalised.
        rewards: (num_tasks, num_samples), in units of the valuation.
        discounts: (num_tasks, num_samples), of the next step's value.
        values: (num_tasks, num_samples), demonstrated, in units of the valuation.
    """

    next_observations: Tensor
    rewards: Tensor
    discounts: Tensor
    values: Tensor


@dataclass(frozen=True)
class Batch:
    """Samples of several tasks, the same number of each.

    Args:
        specs: (num_tasks, shown_dim), as tasks are shown.
        observations: (num_tasks, num_samples, obs_dim), normalised.
        actions: (num_tasks, num_samples, action_dim), in [-1, 1].
        transitions: where the samples were valued.
    """

    specs: Tensor
    observations: Tensor
    actions: Tensor
    transitions: Transitions | None = None


class TaskData:
    """The samples of several tasks, resident on one device in one tensor.

    Args:
        demonstrations: of source or validation tasks; tasks may differ in their number of samples.
        normalizer: of the source tasks.
        device: where the samples live.
        valuation: of the source tasks, where batches shall have transitions.
        specs: (num_tasks, shown_dim), what is shown of the tasks; as they present themselves, if
            not given.
    """

    def __init__(
        self,
        demonstrations: Demonstrations,
        normalizer: Normalizer,
        device: torch.device,
        valuation: Valuation | None = None,
        specs: FloatArray | None = None,
    ) -> None:
        samples = []
        for task, episodes in enumerate(demonstrations.episodes):
            columns = [
                normalizer.observations(demonstrations.observations(task)),
                normalizer.actions(demonstrations.actions(task)),
            ]
            if valuation is not None:
                following = normalizer.observations(demonstrations.next_observations(task))
                columns += [following, valuation.columns(episodes)]
            samples.append(np.concatenate(columns, axis=1))
        self._widths = [part.shape[1] for part in columns]
        self._lengths = torch.tensor([len(rows) for rows in samples])
        self._starts = torch.cumsum(self._lengths, 0) - self._lengths
        shown = spec_matrix(demonstrations.specs) if specs is None else specs
        self._specs = torch.from_numpy(shown).to(device)
        self._samples = torch.from_numpy(np.concatenate(samples)).to(device)

    def draw(self, num_tasks: int, num_samples: int, rng: torch.Generator) -> Batch:
        """Draw tasks without, and samples of each with replacement.

        Args:
            num_tasks: tasks in the batch; all of them, in order, where there are no more.
            num_samples: samples of each task.
            rng: a generator on the CPU, so that every device sees the same batches.
        """
        tasks = torch.arange(len(self._lengths))
        if num_tasks < len(tasks):
            tasks = torch.randperm(len(tasks), generator=rng)[:num_tasks]
        return self._gather(tasks, torch.rand(len(tasks), num_samples, generator=rng))

    def spread(self, num_samples: int) -> Batch:
        """Take the same samples every time: of each task, evenly spread over its episodes."""
        num_samples = min(num_samples, int(self._lengths.max()))
        shares = (torch.arange(num_samples) + 0.5) / num_samples
        return self._gather(torch.arange(len(self._lengths)), shares.expand(len(self._lengths), -1))

    def _gather(self, tasks: Tensor, shares: Tensor) -> Batch:
        """Take the samples at ``shares`` (num_tasks, num_samples), in [0, 1), of each task."""
        lengths = self._lengths[tasks, None]
        # A share that float32 rounds to 1 must not reach into the next task.
        within = (shares * lengths).long().clamp_(max=lengths - 1)
        rows = to_device(self._starts[tasks, None] + within, self._samples.device)
        observations, actions, *valued = self._samples[rows].split(self._widths, dim=-1)
        transitions = None
        if valued:
            following, numbers = valued
            transitions = Transitions(following, *numbers.unbind(dim=-1))
        specs = self._specs[to_device(tasks, self._specs.device)]
        return Batch(specs, observations, actions, transitions)
