from __future__ import annotations

import torch
from hyperbench_baselines.bias_hyperinit import BiasHyperinitConfig, BiasHyperinitNetwork
from hyperbench_baselines.common.policies import act


def test_starts_as_one_ordinary_policy_for_every_spec(cheetah, rng):
    network = BiasHyperinitNetwork(cheetah, BiasHyperinitConfig(), rng)
    layers = network(torch.tensor([[-1.0], [1.0]]))
    for (weight, bias), num_in in zip(layers, (17, 256), strict=True):
        assert torch.equal(weight[0], weight[1])
        assert torch.equal(bias[0], bias[1])
        assert 0.9 * num_in**-0.5 < weight.abs().max() <= num_in**-0.5


def test_one_step_tells_specs_apart(dimensions, rng):
    """A head of zeros has a gradient, though the embedding behind it has none yet."""
    network = BiasHyperinitNetwork(dimensions, BiasHyperinitConfig(policy_width=5), rng)
    specs = torch.tensor([[-1.0], [1.0]])
    act(network(specs), torch.randn(2, 9, 3, generator=rng), "relu")[1].sum().backward()
    with torch.no_grad():
        for head in network.heads:
            head -= 0.1 * head.grad
        weight, _ = network(specs)[0]
    assert (weight[0] - weight[1]).abs().max() > 1e-4


def test_equals_the_equations_one_task_at_a_time(dimensions, rng):
    network = BiasHyperinitNetwork(dimensions, BiasHyperinitConfig(policy_width=5), rng)
    specs = torch.tensor([[-1.0], [0.3]])
    with torch.no_grad():
        for head in network.heads:
            head += 0.1 * torch.randn(head.shape, generator=rng)
        layers = network(specs)
        for task, spec in enumerate(specs):
            z = network.embedding(spec)
            for layer, (weight, bias) in enumerate(layers):
                base = network.base.weight[layer], network.base.bias[layer]
                theta = torch.cat([tensor.flatten() for tensor in base]) + z @ network.heads[layer]
                ours = torch.cat([weight[task].flatten(), bias[task]])
                assert (ours - theta).abs().max() < 1e-5
