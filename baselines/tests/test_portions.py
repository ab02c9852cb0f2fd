"""Networks applied a few tasks at a time."""

from __future__ import annotations

import pytest
import torch
from hyperbench_baselines.common.layers import uniform
from hyperbench_baselines.common.portions import apply, apply_at_once

NUM_SAMPLES = 600  # so that a portion is two tasks


def networks(num_tasks, sizes, rng):
    return [
        (uniform((num_tasks, *size), 0.3, rng), uniform((num_tasks, size[1]), 0.3, rng))
        for size in sizes
    ]


@pytest.mark.parametrize("num_tasks", [1, 2, 7])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("sizes", [[(5, 2)], [(5, 16), (16, 2)], [(5, 16), (16, 16), (16, 2)]])
def test_portions_give_what_all_tasks_at_once_give(num_tasks, activation, sizes, rng):
    layers = networks(num_tasks, sizes, rng)
    inputs = uniform((num_tasks, NUM_SAMPLES, 5), 2.0, rng)
    weighing = torch.randn(num_tasks, NUM_SAMPLES, 2, generator=rng)
    leaves = [inputs, *(parameter for layer in layers for parameter in layer)]
    found = []
    for form in (apply, apply_at_once):
        outputs = form(layers, inputs, activation)
        found.append([outputs, *torch.autograd.grad((outputs * weighing).sum(), leaves)])
    with torch.no_grad():
        found[0].append(apply(layers, inputs, activation))
        found[1].append(found[1][0])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)


def test_gradients_of_gradients_are_refused_not_wrong(rng):
    layers = networks(2, [(5, 16), (16, 2)], rng)
    outputs = apply(layers, torch.randn(2, NUM_SAMPLES, 5, generator=rng), "relu")
    [gradient] = torch.autograd.grad(outputs.square().sum(), [layers[0][0]], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
