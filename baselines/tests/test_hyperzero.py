from __future__ import annotations

import torch
from hyperbench_baselines.hyperzero import HyperzeroConfig, HyperzeroNetwork


def test_equals_the_equations_one_task_at_a_time(dimensions, rng):
    network = HyperzeroNetwork(dimensions, HyperzeroConfig(policy_depth=3, policy_width=5), rng)
    specs = torch.tensor([[-1.0], [0.3]])
    with torch.no_grad():
        for bias in (*network.policy.bias, *network.critic.bias):
            bias += torch.randn(bias.shape, generator=rng)
        policy, critic = network.policy_and_critic(specs)
        for task, spec in enumerate(specs):
            z = network.embedding(spec)
            for layers, heads in ((policy, network.policy), (critic, network.critic)):
                for layer, (num_in, num_out) in enumerate(heads.sizes):
                    head = heads.weight[layer], heads.bias[layer]
                    emitted = [float(row @ z + shift) for row, shift in zip(*head, strict=True)]
                    weight, bias = layers[layer]
                    for i in range(num_in):
                        for j in range(num_out):
                            expected = emitted[i * num_out + j]
                            assert abs(float(weight[task, i, j]) - expected) < 1e-5
                    for j in range(num_out):
                        assert abs(float(bias[task, j]) - emitted[num_in * num_out + j]) < 1e-5


def test_heads_start_as_published(cheetah, rng):
    heads = HyperzeroNetwork(cheetah, HyperzeroConfig(), rng).policy
    for weight, bias, bound in zip(heads.weight, heads.bias, (0.05, 0.008), strict=True):
        assert 0.99 * bound < weight.abs().max() <= bound
        assert not bias.any()


def test_heads_start_as_layers_where_asked_for(cheetah, rng):
    heads = HyperzeroNetwork(cheetah, HyperzeroConfig(head_init="linear"), rng).policy
    for parameter in (*heads.weight, *heads.bias):
        assert 0.95 < parameter.abs().max() * 128**0.5 <= 1  # 128 numbers in


def test_published_size_is_the_papers(cheetah, rng):
    network = HyperzeroNetwork(cheetah, HyperzeroConfig(embedding_width=256), rng)
    # PAPER.md: 3.613 M, counted by running the authors' code
    assert sum(p.numel() for p in network.parameters()) == 3_612_935
