"""Networks of several tasks, applied to a few tasks at a time, forwards and backwards.

Hidden layers of a whole batch do not fit into a processor's near caches: moving them to memory and
back takes longer than the products. So a few tasks go through all layers before the next ones do,
and backwards likewise. Each product is that of the whole batch, to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hyperbench.policy import Activation

_SAMPLES_AT_ONCE = 1024
"""With 256 hidden units these are a megabyte."""

# Activations and what turns an error of their output into one of their input, both in place.
_ACTIVATIONS = {"relu": torch.relu_, "tanh": torch.tanh_}
_BACKWARDS = {
    "relu": partial(torch.ops.aten.threshold_backward.grad_input, threshold=0),
    "tanh": torch.ops.aten.tanh_backward.grad_input,
}

Layers = list[tuple[Tensor, Tensor]]
"""Networks of one shape, usually policies, one per task: per layer, weights
(num_tasks, num_in, num_out) and biases (num_tasks, num_out)."""


def apply_at_once(
    layers: Layers, inputs: Tensor, activation: Activation, hidden: list[Tensor] | None = None
) -> Tensor:
    """Apply each task's network to that task's inputs: one batched product a layer.

    Args:
        layers: the networks, whose last layer is linear.
        inputs: (num_tasks, num_samples, num_in).
        activation: of the hidden layers.
        hidden: takes the output of each hidden layer, (num_tasks, num_samples, width).

    Returns:
        (num_tasks, num_samples, num_out).
    """
    outputs = inputs
    for i, (weight, bias) in enumerate(layers):
        if i > 0:
            outputs = _ACTIVATIONS[activation](outputs)
            if hidden is not None:
                hidden.append(outputs)
        outputs = torch.baddbmm(bias.unsqueeze(1), outputs, weight)
    return outputs


def apply(layers: Layers, inputs: Tensor, activation: Activation) -> Tensor:
    """Do what ``apply_at_once`` does, a few tasks at a time.

    Gradients of gradients are not defined.
    """
    parameters = [parameter for layer in layers for parameter in layer]
    if torch.is_grad_enabled():
        outputs: Tensor = _Portions.apply(activation, inputs, *parameters)
        return outputs
    portions = _portions(inputs, *parameters)
    return torch.cat([apply_at_once(_layers(own), x, activation) for x, *own in portions])


def _portions(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut (num_tasks, num_samples, ...) and what else there is per task; a GPU takes all at once.

    A portion has at least two tasks: the product of a single one is rounded differently.
    """
    num_tasks, num_samples = tensors[0].shape[:2]
    at_once = max(2, _SAMPLES_AT_ONCE // num_samples) if tensors[0].is_cpu else num_tasks
    count = max(1, num_tasks // at_once)
    return zip(*(tensor.tensor_split(count) for tensor in tensors), strict=True)


def _layers(parameters: Sequence[Tensor]) -> Layers:
    return list(zip(parameters[::2], parameters[1::2], strict=True))


def _product(inputs: Tensor, errors: Tensor) -> Tensor:
    """Multiply to the gradient of a layer's weights: (num_tasks, num_in, num_out).

    The transposed product of a narrow layer takes a quarter of the time.
    """
    if errors.shape[-1] < inputs.shape[-1]:
        return torch.bmm(errors.transpose(1, 2), inputs).transpose(1, 2)
    return torch.bmm(inputs.transpose(1, 2), errors)


class _Portions(Function):
    @staticmethod
    def forward(ctx: Any, activation: Activation, inputs: Tensor, *parameters: Tensor) -> Tensor:
        hidden: list[Tensor] = []
        outputs = torch.cat(
            [
                apply_at_once(_layers(own), x, activation, hidden)
                for x, *own in _portions(inputs, *parameters)
            ]
        )
        ctx.activation, ctx.num_parameters = activation, len(parameters)
        ctx.save_for_backward(inputs, *parameters, *hidden)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, errors: Tensor) -> tuple[Tensor | None, ...]:
        count = 1 + ctx.num_parameters
        taken, hidden = ctx.saved_tensors[:count], iter(ctx.saved_tensors[count:])
        activation_backward = _BACKWARDS[ctx.activation]
        gradients = []
        for x, error, *own in _portions(taken[0], errors, *taken[1:]):
            weights = own[::2]
            layer_inputs = [x, *(next(hidden) for _ in weights[1:])]
            found: list[Tensor] = []
            for i, (weight, layer_input) in reversed(
                list(enumerate(zip(weights, layer_inputs, strict=True)))
            ):
                found = [_product(layer_input, error), error.sum(dim=1), *found]
                if i > 0 or ctx.needs_input_grad[1]:
                    error = torch.bmm(error, weight.transpose(1, 2))
                if i > 0:
                    activation_backward(error, layer_input, grad_input=error)
            gradients.append([error if ctx.needs_input_grad[1] else None, *found])
        return None, *(
            None if parts[0] is None else torch.cat(parts) for parts in zip(*gradients, strict=True)
        )
