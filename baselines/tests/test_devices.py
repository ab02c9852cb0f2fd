"""A step on whichever device: on torch's ``meta`` device, which computes shapes only and refuses to
be mixed with the CPU, so that no GPU is needed to find a tensor made in the wrong place."""

from __future__ import annotations

import importlib
from dataclasses import replace

import pytest
import torch
from hyperbench_baselines.common.batches import Batch, Transitions
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.transfer import to_device
from hyperbench_baselines.conditional import Conditional
from hyperbench_baselines.hyperzero import Hyperzero
from hyperbench_baselines.hypogen import Hypogen
from hyperbench_baselines.plugin import hyperbench_methods
from hyperbench_baselines.uvfa import Uvfa

METHODS = {entry.name: entry.target.split(":") for entry in hyperbench_methods()}
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


@pytest.mark.parametrize(("module", "name"), METHODS.values(), ids=METHODS)
def test_every_method_takes_its_step_where_its_data_are(module, name, dimensions, source, rng):
    method = getattr(importlib.import_module(module), name)
    generator = method(method.Config(policy_width=16))
    shown = generator.config.present(source.specs)
    network = generator.build(replace(dimensions, source_specs=shown.tolist()), rng).to("meta")
    device, valuation = torch.device("meta"), generator.valuation(source)
    data = generator.Data(source, Normalizer.of(source), device, valuation, shown)
    loss = generator.loss(network, data.draw(2, 16, rng))
    loss.backward()
    assert loss.device.type == "meta"


def test_a_gpu_is_handed_page_locked_memory_and_not_waited_for():
    class Ordinary:
        """Memory that has no ``to``."""

        def pin_memory(self):
            return Pinned()

    class Pinned:
        def to(self, device, *, non_blocking=False):
            return device, non_blocking

    cuda = torch.device("cuda")
    assert to_device(Ordinary(), cuda) == (cuda, True)


def test_on_the_cpu_nothing_is_copied():
    numbers = torch.arange(3)
    assert to_device(numbers, torch.device("cpu")) is numbers
