"""Linear layers that are initialised by an explicit generator, and the papers' task embedding.

``torch.nn.Linear`` draws its initial weights from torch's global generator, which no method may
touch; hence layers of our own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def uniform(shape: tuple[int, ...], bound: float, rng: torch.Generator) -> nn.Parameter:
    """Draw a parameter from U(-bound, bound)."""
    return nn.Parameter((2 * torch.rand(shape, generator=rng) - 1) * bound)


class Linear(nn.Module):
    """(..., num_in) -> (..., num_out), initialised as ``torch.nn.Linear``: U(+-1/sqrt(num_in)).

    Args:
        num_in: size of the input.
        num_out: size of the output.
        rng: draws the initial weights.
        bound: of the initial weights, where another one is wanted.
    """

    def __init__(
        self, num_in: int, num_out: int, rng: torch.Generator, bound: float | None = None
    ) -> None:
        super().__init__()
        default = 1 / math.sqrt(num_in)
        self.weight = uniform((num_out, num_in), default if bound is None else bound, rng)
        self.bias = uniform((num_out,), default, rng)

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs, self.weight, self.bias)


class StackedLinear(nn.Module):
    """Several linear layers of one shape as one product.

    (num_stacked, num_rows, num_in) -> (num_stacked, num_rows, num_out), each slice through a layer
    of its own.
    """

    def __init__(self, num_stacked: int, num_in: int, num_out: int, rng: torch.Generator) -> None:
        super().__init__()
        bound = 1 / math.sqrt(num_in)
        self.weight = uniform((num_stacked, num_in, num_out), bound, rng)
        self.bias = uniform((num_stacked, 1, num_out), bound, rng)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, inputs, self.weight)


class ResidualBlock(nn.Module):
    """h + W_2 relu(W_1 relu(h)), all of one width."""

    def __init__(self, width: int, rng: torch.Generator) -> None:
        super().__init__()
        self.first = Linear(width, width, rng, _embedding_bound(width))
        self.last = Linear(width, width, rng, _embedding_bound(width))

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden + self.last(torch.relu(self.first(torch.relu(hidden))))


class TaskEmbedding(nn.Module):
    """z = psi(M): (num_tasks, shown_dim) -> (num_tasks, width).

    HyperZero's embedding, which HyPoGen and the conditional policy share: two residual blocks each
    of a quarter, half and the whole of ``width``, weights from U(+-1/(2 sqrt(num_in))).
    """

    def __init__(self, shown_dim: int, width: int, rng: torch.Generator) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        num_in = shown_dim
        for stage_width in (width // 4, width // 2, width):
            stages += [
                Linear(num_in, stage_width, rng, _embedding_bound(num_in)),
                ResidualBlock(stage_width, rng),
                ResidualBlock(stage_width, rng),
            ]
            num_in = stage_width
        self.stages = nn.Sequential(*stages)

    def forward(self, specs: Tensor) -> Tensor:
        embedding: Tensor = self.stages(specs)
        return embedding


def _embedding_bound(num_in: int) -> float:
    return 1 / (2 * math.sqrt(num_in))
