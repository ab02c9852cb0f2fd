"""A policy that all tasks share but for its first bias, to which an embedding of the spec adds."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from hyperbench_baselines.common.config import LayerSizes
from hyperbench_baselines.common.layers import uniform
from hyperbench_baselines.common.policies import Layers
from hyperbench_baselines.common.shared_policy import SharedPolicy


class ConditionedPolicy(nn.Module):
    """Embeddings (num_tasks, embedding_width) -> networks that share all but their first bias."""

    def __init__(self, sizes: LayerSizes, embedding_width: int, rng: torch.Generator):
        super().__init__()
        # The first layer reads num_inputs numbers, which sets the scale of its initial weights.
        num_inputs = sizes[0][0] + embedding_width
        self.shared = SharedPolicy(sizes, rng, first_num_inputs=num_inputs)
        bound = 1 / math.sqrt(num_inputs)
        self.embedding_weight = uniform((embedding_width, sizes[0][1]), bound, rng)

    def forward(self, embedding: Tensor) -> Layers:
        (weight, bias), *others = self.shared(len(embedding))
        return [(weight, torch.addmm(bias, embedding, self.embedding_weight)), *others]
