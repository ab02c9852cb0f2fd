from __future__ import annotations

import torch
from hyperbench_baselines.common.policies import act, apply
from hyperbench_baselines.conditional import ConditionalConfig, ConditionalNetwork
from hyperbench_baselines.uvfa import UvfaConfig, UvfaNetwork


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_q_head_equals_concatenation(dimensions, rng):
    network = UvfaNetwork(dimensions, UvfaConfig(policy_width=7), rng)
    specs = torch.tensor([[-1.0], [0.0], [0.7]])
    pairs = torch.randn(3, 5, 5, generator=rng)  # observation and action
    head = network.critic
    with torch.no_grad():
        _, critic = network.policy_and_critic(specs)
        z = network.embedding(specs).unsqueeze(1).expand(-1, 5, -1)
        weight = torch.cat([head.shared.weight[0], head.embedding_weight])
        hidden = torch.relu(torch.cat([pairs, z], dim=-1) @ weight + head.shared.bias[0])
        expected = hidden @ head.shared.weight[1] + head.shared.bias[1]
        assert (apply(critic, pairs, "relu") - expected).abs().max() < 1e-5


def test_the_policy_is_the_conditional_one(dimensions, rng):
    """Also to the weights it starts from: what a Q head adds is all that differs."""
    networks = [
        kind(dimensions, config, torch.Generator().manual_seed(0))
        for kind, config in (
            (UvfaNetwork, UvfaConfig(embedding_width=64)),
            (ConditionalNetwork, ConditionalConfig(embedding_width=64)),
        )
    ]
    specs, observations = torch.tensor([[0.3]]), torch.randn(1, 5, 3, generator=rng)
    actions = [act(network(specs), observations, "relu") for network in networks]
    assert torch.equal(*actions)


def test_size_is_that_of_the_conditional_policy_and_a_q_head(cheetah, rng):
    head = (17 + 6 + 256) * 256 + 256 + 256 + 1
    assert count(UvfaNetwork(cheetah, UvfaConfig(), rng)) == 459_014 + head
