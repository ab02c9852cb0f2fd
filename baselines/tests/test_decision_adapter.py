from __future__ import annotations

import pytest
import torch
from hyperbench_baselines.common.policies import act
from hyperbench_baselines.decision_adapter import (
    DecisionAdapter,
    DecisionAdapterConfig,
    DecisionAdapterNetwork,
)
from pydantic import ValidationError

SPECS = torch.tensor([[-1.0], [0.4], [1.0]])


@pytest.fixture(params=[2, 3])
def network(request, dimensions, rng):
    config = DecisionAdapterConfig(policy_width=7, bottleneck=3, policy_depth=request.param)
    found = DecisionAdapterNetwork(dimensions, config, rng)
    with torch.no_grad():
        for head in found.heads:
            head.normal_(generator=rng)
    return found


def test_the_plain_layers_act_as_the_adapter_in_its_place(network, rng):
    observations = 3 * torch.randn(3, 50, 3, generator=rng)
    with torch.no_grad():
        written = act(network(SPECS), observations, "relu")
        adapted = network.act(SPECS, observations)
    assert (written - adapted).abs().max() < 1e-5
    assert (written[0] - written[1]).abs().max() > 1e-2


def test_it_is_the_published_adapter(network, rng):
    """Bottleneck, ReLU after both of its layers, and a skip around it, by hand for one task."""
    observations = torch.randn(20, 3, generator=rng)
    policy = network.policy
    with torch.no_grad():
        (down, down_bias), (up, up_bias) = network.adapter(SPECS[:1])
        hidden = observations
        for weight, bias in zip(policy.weight[:-1], policy.bias[:-1], strict=True):
            hidden = torch.relu(hidden @ weight + bias)
        generated = torch.relu(torch.relu(hidden @ down[0] + down_bias) @ up[0] + up_bias)
        expected = torch.tanh((hidden + generated) @ policy.weight[-1] + policy.bias[-1])
        acted = network.act(SPECS[:1], observations[None])[0]
    assert (acted - expected).abs().max() < 1e-6


def test_it_starts_as_one_policy_and_its_adapter_is_alive(dimensions, rng):
    network = DecisionAdapterNetwork(dimensions, DecisionAdapterConfig(policy_width=7), rng)
    observations = torch.randn(3, 50, 3, generator=rng)
    acted = network.act(SPECS, observations[:1].expand(3, -1, -1))
    assert (acted[0] - acted[1]).abs().max() < 1e-6  # sums of a batch may round differently
    acted.square().mean().backward()
    assert all(float(head.grad.abs().max()) > 0 for head in network.heads)


def test_a_policy_that_cannot_hand_on_is_refused():
    with pytest.raises(ValidationError, match="policy_activation"):
        DecisionAdapterConfig(policy_activation="tanh")
    assert DecisionAdapterConfig(policy="manipulation").policy_depth == 3


def test_what_is_generated_has_two_more_layers(source, make_spec):
    generator = DecisionAdapter(DecisionAdapterConfig(num_steps=2, policy_width=16, bottleneck=4))
    generator.fit(source, validation=None, seed=0)
    policies = generator.generate([make_spec(0.5)])
    assert [w.shape[1:] for w in policies.weights] == [(3, 16), (16, 20), (20, 32), (32, 2)]
