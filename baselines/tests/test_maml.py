from __future__ import annotations

import pytest
import torch
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.few_shot import TwoParts
from hyperbench_baselines.maml import Maml, MamlConfig


@pytest.fixture
def parts(rng):
    """Two tasks, four samples of each part, in float64, in which rounding hides nothing."""

    def batch():
        observations = torch.randn(2, 4, 3, generator=rng, dtype=torch.float64)
        actions = torch.rand(2, 4, 2, generator=rng, dtype=torch.float64) * 2 - 1
        return Batch(torch.zeros(2, 1, dtype=torch.float64), observations, actions)

    return TwoParts(batch(), batch())


def slow_error(weights, observations, actions):
    """L of one task, one sample and one action at a time."""
    first, first_bias, last, last_bias = weights
    total = 0.0
    for observation, action in zip(observations, actions, strict=True):
        hidden = torch.relu(observation @ first + first_bias)
        for unit in range(len(action)):
            total = (
                total + (torch.tanh(hidden @ last[:, unit] + last_bias[unit]) - action[unit]) ** 2
            )
    return total / actions.numel()


def slow_maml(theta, parts, config):
    """The outer loss, as the equations have it: a loop over tasks, in each a loop over steps."""
    losses = []
    for task in range(len(parts.query.actions)):
        phi = theta
        for _ in range(config.inner_steps):
            error = slow_error(phi, parts.support.observations[task], parts.support.actions[task])
            gradients = torch.autograd.grad(error, phi, create_graph=config.second_order)
            phi = [p - config.inner_learning_rate * g for p, g in zip(phi, gradients, strict=True)]
        losses.append(slow_error(phi, parts.query.observations[task], parts.query.actions[task]))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("second_order", [True, False])
def test_equals_the_equations_one_task_at_a_time(dimensions, rng, parts, second_order):
    config = MamlConfig(
        policy_width=5, inner_steps=2, inner_learning_rate=0.5, second_order=second_order
    )
    maml = Maml(config)
    network = maml.build(dimensions, rng).double()
    loss = maml.loss(network, parts)
    loss.backward()

    policy = network.policy
    weights = (policy.weight[0], policy.bias[0], policy.weight[1], policy.bias[1])
    theta = [weight.detach().clone().requires_grad_() for weight in weights]
    expected = slow_maml(theta, parts, config)
    assert abs(loss.item() - expected.item()) < 1e-10
    gradients = torch.autograd.grad(expected, theta)
    for weight, gradient in zip(weights, gradients, strict=True):
        assert (weight.grad - gradient).abs().max() < 1e-10
    with torch.no_grad():
        measured = maml.validation_loss(network, parts)
    assert measured.item() == loss.item()
    assert not measured.requires_grad


def test_orders_have_other_gradients(dimensions, parts):
    found = []
    for second_order in (True, False):
        maml = Maml(MamlConfig(policy_width=5, second_order=second_order))
        network = maml.build(dimensions, torch.Generator().manual_seed(0)).double()
        maml.loss(network, parts).backward()
        found.append(network.policy.weight[0].grad)
    assert (found[0] - found[1]).abs().max() > 1e-4


def test_adaptation_is_descent_on_the_support(source, validation):
    maml = Maml(MamlConfig(num_steps=5, samples_per_task=16, policy_width=16))
    maml.fit(source, validation=None, seed=0)
    errors = []
    for num_steps in (1, 50):
        maml.config = maml.config.model_copy(update={"adaptation_steps": num_steps})
        policies = maml.generate(validation.specs, validation)
        acted = policies.act(validation.observations(0)[None].repeat(2, axis=0))[0]
        errors.append(((acted - validation.actions(0)) ** 2).mean())
    assert errors[1] < errors[0]
