"""Linear layers that one graph uses several times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

from hyperbench_baselines.common.layers import Linear


class RepeatedLinear(Linear):
    """A linear layer whose gradient is one product, however often it is used.

    Autograd makes a gradient of the size of the weights for every use and adds them up. For a few
    rows and large weights, moving these through memory costs more than all products together. Here
    each use keeps its rows, and the gradient is their product at the end.
    """

    def open(self) -> Callable[[Tensor], Tensor]:
        """Begin a graph: the layer, to be used in it with (num_rows, num_in), any number of times.

        Gradients of gradients are not defined.
        """
        uses: list[tuple[Tensor, Tensor]] = []
        weight, bias = _Gather.apply(self.weight, self.bias, uses)
        return lambda inputs: _Use.apply(inputs, weight, bias, uses)


class _Gather(Function):
    """Pass the parameters on; backwards, reached after every use, multiply what these have left."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor, uses: list[Any]) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.uses = uses
        return weight.view_as(weight), bias.view_as(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *_: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs, errors = (torch.cat(rows) for rows in zip(*ctx.uses, strict=True))
        ctx.uses.clear()
        return errors.t() @ inputs, errors.sum(dim=0), None


class _Use(Function):
    """Apply the layer; backwards, leave inputs and errors to ``_Gather``."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, inputs: Tensor, weight: Tensor, bias: Tensor, uses: list[Any]
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        ctx.uses = uses
        return functional.linear(inputs, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, errors: Tensor) -> tuple[Tensor | None, ...]:
        inputs, weight = ctx.saved_tensors
        ctx.uses.append((inputs, errors))
        return errors @ weight if ctx.needs_input_grad[0] else None, None, None, None
