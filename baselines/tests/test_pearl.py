from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.batches import Batch, Transitions
from hyperbench_baselines.common.policies import act
from hyperbench_baselines.pearl import Pearl, PearlConfig, PearlNetwork, divergence

TINY = {"num_steps": 20, "samples_per_task": 16, "policy_width": 8, "encoder_width": 8}


@pytest.fixture
def network(dimensions, rng):
    config = PearlConfig(policy_width=7, latent_width=4)
    return PearlNetwork(replace(dimensions, reward_unit=2.0), config, rng)


@pytest.fixture
def support(rng):
    """Two tasks, five transitions each."""

    def normal(*shape):
        return torch.randn(2, 5, *shape, generator=rng)

    return Batch(
        torch.zeros(2, 1),
        normal(3),
        normal(2),
        Transitions(normal(3), normal(), normal(), normal()),
    )


def test_posterior_is_the_product_of_the_transitions_factors(network, support):
    with torch.no_grad():
        mean, variance = network.posterior(support)
        for task in range(2):
            precision, weighted = torch.zeros(4), torch.zeros(4)
            for n in range(5):
                transition = torch.cat(
                    [
                        support.observations[task, n],
                        support.actions[task, n],
                        support.transitions.rewards[task, n : n + 1] / 2.0,
                        support.transitions.next_observations[task, n],
                    ]
                )
                hidden = transition
                for layer in network.encoder[:-1]:
                    hidden = torch.relu(layer(hidden))
                factor_mean, spread = network.encoder[-1](hidden).chunk(2)
                factor_variance = torch.nn.functional.softplus(spread)
                precision += 1 / factor_variance
                weighted += factor_mean / factor_variance
            assert (variance[task] - 1 / precision).abs().max() < 1e-5
            assert (mean[task] - weighted / precision).abs().max() < 1e-5


def test_the_order_of_transitions_does_not_matter(network, support):
    order = [3, 0, 4, 1, 2]
    after = support.transitions
    shuffled = Batch(
        support.specs,
        support.observations[:, order],
        support.actions[:, order],
        Transitions(
            after.next_observations[:, order],
            after.rewards[:, order],
            after.discounts[:, order],
            after.values[:, order],
        ),
    )
    with torch.no_grad():
        for one, other in zip(network.posterior(support), network.posterior(shuffled), strict=True):
            assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("part", ["observations", "actions", "rewards", "next_observations"])
def test_all_of_a_transition_matters(network, support, part):
    def doubled(batch, name):
        return replace(batch, **{name: 2 * getattr(batch, name)})

    if part in ("observations", "actions"):
        other = doubled(support, part)
    else:
        other = replace(support, transitions=doubled(support.transitions, part))
    with torch.no_grad():
        assert (network.posterior(support)[0] - network.posterior(other)[0]).abs().max() > 1e-4


def test_divergence_is_kullback_leiblers(rng):
    mean, variance = torch.randn(3, 4, generator=rng), torch.rand(3, 4, generator=rng) + 0.1
    q = torch.distributions.Normal(mean, variance.sqrt())
    expected = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(divergence(mean, variance), expected.sum(dim=-1).mean())


def test_folding_equals_concatenation(network, rng):
    latent = torch.randn(3, 4, generator=rng)
    observations = torch.randn(3, 5, 3, generator=rng)
    with torch.no_grad():
        concatenated = torch.cat([observations, latent.unsqueeze(1).expand(-1, 5, -1)], dim=-1)
        weight = torch.cat([network.policy.weight[0], network.latent_weight])
        hidden = torch.relu(concatenated @ weight + network.policy.bias[0])
        expected = torch.tanh(hidden @ network.policy.weight[1] + network.policy.bias[1])
        assert (act(network.policies(latent), observations, "relu") - expected).abs().max() < 1e-5


def test_draws_have_the_posteriors_moments(network):
    mean, variance = torch.full((1, 4), 3.0), torch.full((1, 4), 0.25)
    draws = torch.cat([network.draw(mean, variance) for _ in range(2000)])
    assert torch.allclose(draws.mean(dim=0), mean[0], atol=0.1)
    assert torch.allclose(draws.std(dim=0), variance[0].sqrt(), atol=0.05)


def test_the_unit_of_reward_does_not_matter(source, validation, tmp_path):
    """Nor is it forgotten with the weights."""

    def scaled(demonstrations, factor):
        episodes = tuple(
            tuple(replace(episode, rewards=factor * episode.rewards) for episode in row)
            for row in demonstrations.episodes
        )
        return replace(demonstrations, episodes=episodes)

    generated = []
    for factor in (1.0, 256.0):
        pearl = Pearl(PearlConfig(**TINY))
        pearl.fit(scaled(source, factor), validation=None, seed=0)
        pearl.save(tmp_path)
        loaded = Pearl()
        loaded.load(tmp_path)
        for generator in (pearl, loaded):
            generated.append(generator.generate(validation.specs, scaled(validation, factor)))
    for other in generated[1:]:
        for array, expected in zip(other.biases, generated[0].biases, strict=True):
            assert np.array_equal(array, expected)


def test_a_generator_saved_without_its_unit_among_the_dimensions_has_it_with_its_weights(
    source, validation, tmp_path
):
    """As those were that are older than ``Dimensions.reward_unit``."""
    doubled = tuple(
        tuple(replace(episode, rewards=2 * episode.rewards) for episode in row)
        for row in source.episodes
    )
    pearl, older = Pearl(PearlConfig(**TINY)), Pearl()
    pearl.fit(replace(source, episodes=doubled), validation=None, seed=0)
    pearl.save(tmp_path)
    description = json.loads((tmp_path / "generator.json").read_text())
    assert description["dimensions"].pop("reward_unit") == 2.0
    (tmp_path / "generator.json").write_text(json.dumps(description))
    older.load(tmp_path)
    policies = [one.generate(validation.specs, validation) for one in (pearl, older)]
    assert np.array_equal(policies[0].biases[0], policies[1].biases[0])
