from __future__ import annotations

import pytest
import torch
from hyperbench_baselines.common.policies import act
from hyperbench_baselines.film import FilmConfig, FilmNetwork
from pydantic import ValidationError


def test_folding_equals_modulating_every_hidden_unit(dimensions, rng):
    network = FilmNetwork(dimensions, FilmConfig(policy_width=7, policy_depth=3), rng)
    specs = torch.tensor([[-1.0], [0.4]])
    observations = torch.randn(2, 5, 3, generator=rng)
    with torch.no_grad():
        acted = act(network(specs), observations, "relu")
        for task, spec in enumerate(specs):
            numbers = network.modulation(network.embedding(spec))
            hidden = observations[task]
            for layer in range(2):
                start = layer * 14
                gamma = 1 + numbers[start : start + 7]
                beta = numbers[start + 7 : start + 14]
                weight, bias = network.policy.weight[layer], network.policy.bias[layer]
                hidden = torch.relu(gamma * (hidden @ weight + bias) + beta)
            expected = torch.tanh(hidden @ network.policy.weight[2] + network.policy.bias[2])
            assert (acted[task] - expected).abs().max() < 1e-5
    assert (acted[0] - acted[1]).abs().max() > 1e-3


def test_without_a_modulation_all_tasks_have_the_trunk(dimensions, rng):
    network = FilmNetwork(dimensions, FilmConfig(policy_width=7), rng)
    with torch.no_grad():
        for parameter in network.modulation.parameters():
            parameter.zero_()
        for (weight, bias), trunk_weight, trunk_bias in zip(
            network(torch.tensor([[-1.0], [1.0]])),
            network.policy.weight,
            network.policy.bias,
            strict=True,
        ):
            for task in range(2):
                assert torch.equal(weight[task], trunk_weight)
                assert torch.equal(bias[task], trunk_bias)


def test_the_last_layer_is_shared(dimensions, rng):
    network = FilmNetwork(dimensions, FilmConfig(), rng)
    weight, bias = network(torch.tensor([[-1.0], [1.0]]))[-1]
    assert torch.equal(weight[0], weight[1])
    assert torch.equal(bias[0], bias[1])


def test_a_policy_without_hidden_units_is_refused():
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        FilmConfig(policy_depth=1)
