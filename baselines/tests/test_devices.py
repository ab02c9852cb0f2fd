"""A step on whichever device: on torch's ``meta`` device, which computes shapes only and refuses to
be mixed with the CPU, so that no GPU is needed to find a tensor made in the wrong place."""

from __future__ import annotations

import pytest
import torch
from hyperbench_baselines.common.batches import Batch, Transitions
from hyperbench_baselines.conditional import Conditional
from hyperbench_baselines.hyperzero import Hyperzero
from hyperbench_baselines.hypogen import Hypogen
from hyperbench_baselines.uvfa import Uvfa

WITH_Q = {"value_weight": 0.1, "td_weight": 0.1}
CASES = {
    "conditional": (Conditional, {}),
    "uvfa": (Uvfa, WITH_Q),
    "hyperzero": (Hyperzero, WITH_Q),
    "hypogen": (Hypogen, {**WITH_Q, "early_supervision": True, "step_size": "predicted"}),
    "hypogen flat": (Hypogen, {"structure": "flat", "layer_norm": False}),
    "hypogen slice": (Hypogen, {"jacobian_product": "slice"}),
}


@pytest.mark.parametrize(("method", "settings"), CASES.values(), ids=CASES)
def test_a_step_stays_on_its_device(dimensions, rng, method, settings):
    generator = method(method.Config(**settings))
    network = generator.build(dimensions, rng).to("meta")

    def tensor(*shape):
        return torch.empty(shape, device="meta")

    after = Transitions(tensor(2, 5, 3), tensor(2, 5), tensor(2, 5), tensor(2, 5))
    batch = Batch(tensor(2, 1), tensor(2, 5, 3), tensor(2, 5, 2), after)
    loss = generator.loss(network, batch)
    assert loss.device.type == "meta"
    loss.backward()
    assert {p.grad.device.type for p in network.parameters() if p.grad is not None} == {"meta"}
