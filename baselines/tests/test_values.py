"""Values of demonstrated steps, and the loss terms that a second network learns from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.batches import Batch, TaskData, Transitions
from hyperbench_baselines.common.critic import CriticConfig, critic_loss
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.values import Valuation, returns_to_go, reward_unit
from hyperbench_baselines.hyperzero import Hyperzero, HyperzeroConfig, HyperzeroNetwork
from hypothesis import given
from hypothesis import strategies as st

from hyperbench.demonstration import Episode

CPU = torch.device("cpu")


def episode(rewards, terminated: bool) -> Episode:
    length = len(rewards)
    return Episode(
        np.zeros((length + 1, 3), np.float32),
        np.zeros((length, 2), np.float32),
        np.array(rewards, np.float32),
        terminated,
        seed=0,
    )


def rewarded(demonstrations, rng, terminated=lambda task, index: False):
    """The same demonstrations with rewards that differ from step to step."""
    rows = tuple(
        tuple(
            replace(
                episode,
                rewards=rng.uniform(0, 1, len(episode)).astype(np.float32),
                terminated=terminated(task, index),
            )
            for index, episode in enumerate(row)
        )
        for task, row in enumerate(demonstrations.episodes)
    )
    return replace(demonstrations, episodes=rows)


def test_returns_to_go_by_hand():
    assert returns_to_go(episode([1, 0, 2], True), 0.5) == pytest.approx([1.5, 1.0, 2.0])
    # The last half's mean reward is 1, so that after the last step 1 / (1 - 0.5) is to come.
    assert returns_to_go(episode([1, 0, 2], False), 0.5) == pytest.approx([1.75, 1.5, 3.0])


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20),
    st.floats(0, 0.99),
    st.booleans(),
)
def test_values_obey_bellmans_equation(rewards, discount, terminated):
    values = returns_to_go(episode(rewards, terminated), discount).astype(np.float64)
    bound = 1e-4 / (1 - discount)
    assert np.allclose(values[:-1], np.array(rewards[:-1]) + discount * values[1:], atol=bound)
    if terminated:
        assert values[-1] == pytest.approx(rewards[-1])


@given(st.floats(0, 0.99), st.floats(-1, 1, width=32), st.integers(1, 50))
def test_a_steady_episode_is_worth_the_same_at_every_step(discount, reward, length):
    """What its horizon cut off would have been like the rest."""
    values = returns_to_go(episode([reward] * length, False), discount)
    assert np.allclose(values, reward / (1 - discount), rtol=1e-4, atol=1e-6)


def test_values_have_mean_square_1_whatever_the_rewards(source):
    scaled = rewarded(source, np.random.default_rng(0))
    for factor in (1.0, 300.0):
        rows = tuple(
            tuple(replace(episode, rewards=factor * episode.rewards) for episode in row)
            for row in scaled.episodes
        )
        demonstrations = replace(scaled, episodes=rows)
        valuation = Valuation.of(demonstrations, 0.9)
        values = np.concatenate([valuation.columns(row)[:, 2] for row in rows])
        assert np.mean(values**2) == pytest.approx(1.0, rel=1e-4)
    unrewarded = replace(source, episodes=((episode([0.0, 0.0], True),),) * source.num_tasks)
    assert Valuation.of(unrewarded, 0.9).unit == reward_unit(unrewarded) == 1.0


def test_without_a_discount_a_step_is_worth_its_reward(source):
    demonstrations = rewarded(source, np.random.default_rng(0))
    assert reward_unit(demonstrations) == Valuation.of(demonstrations, 0.0).unit != 1.0


def test_transitions_belong_to_the_samples_they_follow(make_demonstrations, rng):
    demonstrations = rewarded(
        make_demonstrations([-2.0, 0.0, 1.0], [5, 60, 13]),
        np.random.default_rng(0),
        terminated=lambda task, index: index == 1,
    )
    normalizer, valuation = Normalizer.of(demonstrations), Valuation.of(demonstrations, 0.9)
    batch = TaskData(demonstrations, normalizer, CPU, valuation).draw(8, 400, rng)
    after = batch.transitions
    for task, row in enumerate(demonstrations.episodes):
        known = {}
        for shown in row:
            seen = normalizer.observations(shown.observations)
            values = returns_to_go(shown, 0.9) / valuation.unit
            for step in range(len(shown)):
                last = shown.terminated and step == len(shown) - 1
                known[seen[step].tobytes()] = [
                    *seen[step + 1],
                    shown.rewards[step] / valuation.unit,
                    0.0 if last else 0.9,
                    values[step],
                ]
        for i in range(400):
            numbers = [part[task, i] for part in (after.rewards, after.discounts, after.values)]
            drawn = [*after.next_observations[task, i].tolist(), *map(float, numbers)]
            assert drawn == pytest.approx(known[batch.observations[task, i].numpy().tobytes()])
    assert (after.discounts == 0).any()


def test_batches_have_no_transitions_unless_asked_for(source, rng):
    assert TaskData(source, Normalizer.of(source), CPU).draw(2, 4, rng).transitions is None


@pytest.fixture
def batch(rng):
    def draw(*shape):
        return torch.randn(*shape, generator=rng)

    after = Transitions(draw(2, 5, 3), draw(2, 5), 0.9 * (draw(2, 5) > 0), draw(2, 5))
    return Batch(torch.tensor([[-1.0], [0.3]]), draw(2, 5, 3), draw(2, 5, 2).tanh(), after)


def apply_one(layers, task: int, x: torch.Tensor) -> torch.Tensor:
    """One network on one input, one layer at a time."""
    for i, (weight, bias) in enumerate(layers):
        x = (torch.relu(x) if i else x) @ weight[task] + bias[task]
    return x


@pytest.mark.parametrize("weights", [(0.3, 0.0), (0.0, 0.7), (0.3, 0.7)])
def test_loss_terms_equal_the_equations_one_sample_at_a_time(dimensions, rng, batch, weights):
    config = HyperzeroConfig(policy_width=5, value_weight=weights[0], td_weight=weights[1])
    network = HyperzeroNetwork(dimensions, config, rng)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=rng)
        policy, critic = network.policy_and_critic(batch.specs)
        value_errors, td_errors = [], []
        after = batch.transitions
        for t in range(2):
            for i in range(5):
                pair = torch.cat([batch.observations[t, i], batch.actions[t, i]])
                value_errors.append(float(apply_one(critic, t, pair) - after.values[t, i]) ** 2)
                following = after.next_observations[t, i]
                action = torch.tanh(apply_one(policy, t, following))
                q = apply_one(critic, t, torch.cat([following, action]))
                target = after.rewards[t, i] + after.discounts[t, i] * q
                td_errors.append(float(target - after.values[t, i]) ** 2)
        expected = weights[0] * np.mean(value_errors) + weights[1] * np.mean(td_errors)
        assert float(critic_loss(policy, critic, batch, config)) == pytest.approx(
            expected, rel=1e-5
        )


def test_both_terms_reach_the_embedding_and_neither_the_policys_heads(dimensions, rng, batch):
    for weights in ({"td_weight": 0}, {"value_weight": 0}):
        config = HyperzeroConfig(**weights)
        network = HyperzeroNetwork(dimensions, config, rng)
        critic_loss(*network.policy_and_critic(batch.specs), batch, config).backward()
        for name, parameter in network.named_parameters():
            assert (parameter.grad is None) == name.startswith("policy"), name


def test_a_q_is_generated_only_where_a_term_has_weight(dimensions, rng):
    assert CriticConfig(value_weight=0).has_critic
    without = HyperzeroConfig(value_weight=0, td_weight=0)
    assert not without.has_critic
    policy, critic = HyperzeroNetwork(dimensions, without, rng).policy_and_critic(torch.zeros(1, 1))
    assert critic is None
    assert len(policy) == 2


def test_weights_are_chosen_by_the_action_loss(source, validation):
    """So that runs with values and without compare, and a hard value function decides nothing."""
    tiny = {"num_steps": 20, "samples_per_task": 32, "num_checks": 5, "choose_after": 0}
    generator = Hyperzero(HyperzeroConfig(**tiny, value_weight=100.0))
    report = generator.fit(source, validation=validation, seed=0)
    policies = generator.generate(validation.specs)
    errors = []
    for task in range(validation.num_tasks):
        acted = policies.act(np.stack([validation.observations(task)] * 2))[task]
        errors.append((acted - validation.actions(task)) / np.array([1.0, 2.0]))
    chosen = next(held_out for step, _, held_out in report.curve if step == report.chosen_step)
    assert chosen == pytest.approx(np.mean(np.square(errors)), rel=1e-3)
    assert report.final_loss > 1
