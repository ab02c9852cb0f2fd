from __future__ import annotations

import torch
from hyperbench_baselines.common.policies import act
from hyperbench_baselines.conditional import ConditionalConfig, ConditionalNetwork


def test_folding_equals_concatenation(dimensions, rng):
    network = ConditionalNetwork(dimensions, ConditionalConfig(policy_width=7), rng)
    specs = torch.tensor([[-1.0], [0.0], [0.7]])
    observations = torch.randn(3, 5, 3, generator=rng)
    first, last = network.policy.shared.weight
    first_bias, last_bias = network.policy.shared.bias
    with torch.no_grad():
        z = network.embedding(specs).unsqueeze(1).expand(-1, 5, -1)
        concatenated = torch.cat([observations, z], dim=-1)
        weight = torch.cat([first, network.policy.embedding_weight])
        hidden = torch.relu(concatenated @ weight + first_bias)
        expected = torch.tanh(hidden @ last + last_bias)
        assert (act(network(specs), observations, "relu") - expected).abs().max() < 1e-5


def test_first_layer_starts_as_one_layer_on_the_concatenation(cheetah, rng):
    network = ConditionalNetwork(cheetah, ConditionalConfig(), rng)
    bound = (17 + 128) ** -0.5
    policy = network.policy
    for weight in (policy.shared.weight[0], policy.embedding_weight, policy.shared.bias[0]):
        assert 0.9 * bound < weight.abs().max() <= bound


def test_published_size_is_the_papers(cheetah, rng):
    network = ConditionalNetwork(cheetah, ConditionalConfig(embedding_width=256), rng)
    assert sum(p.numel() for p in network.parameters()) == 459_014  # PAPER.md: 0.46 M


def test_at_hypogens_size_it_learns_slower_unless_told_otherwise():
    assert ConditionalConfig(preset="matched").learning_rate == 1.5e-3
    assert ConditionalConfig(preset="matched", learning_rate=1e-3).learning_rate == 1e-3
    assert ConditionalConfig().learning_rate == 5e-3
