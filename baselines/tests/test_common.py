"""Normaliser, batches and the fit loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.batches import TaskData
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.fitting import fit_network, learning_rate
from hyperbench_baselines.common.learned import LearnedGenerator
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.policies import act, to_policies
from hyperbench_baselines.common.repeated import RepeatedLinear
from hyperbench_baselines.conditional import Conditional, ConditionalConfig

from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, SpecSpace
from hyperbench.testing import line_demonstrations

CPU = torch.device("cpu")


def data_of(demonstrations) -> TaskData:
    return TaskData(demonstrations, Normalizer.of(demonstrations), CPU)


def test_normalizer_scales_source_observations_and_action_bounds(source):
    normalizer = Normalizer.of(source)
    everything = np.concatenate([source.observations(t) for t in range(source.num_tasks)])
    scaled = normalizer.observations(everything)
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(scaled.std(axis=0), 1, atol=1e-4)
    assert np.array_equal(normalizer.actions(source.action_low), [-1, -1])
    assert np.array_equal(normalizer.actions(source.action_high), [1, 1])


def test_a_constant_observation_does_not_divide_by_zero(source):
    for episode in (episode for row in source.episodes for episode in row):
        episode.observations[:, 1] = 3.0
    assert Normalizer.of(source).observation_std[1] == pytest.approx(1e-3)


def test_batches_hold_each_tasks_own_samples_whatever_their_number(make_demonstrations, rng):
    lengths = [5, 60, 13]
    demonstrations = make_demonstrations([-2.0, 0.0, 1.0], lengths)
    normalizer = Normalizer.of(demonstrations)
    batch = data_of(demonstrations).draw(8, 1000, rng)
    assert batch.observations.shape == (3, 1000, 3)
    assert batch.actions.shape == (3, 1000, 2)
    for task in range(3):
        own = normalizer.observations(demonstrations.observations(task))
        drawn = np.unique(batch.observations[task].numpy(), axis=0)
        assert len(drawn) > 0.9 * len(own)
        assert all((own == row).all(axis=1).any() for row in drawn)
        assert batch.specs[task].numpy() == demonstrations.specs[task].vector


def test_batches_of_few_tasks_draw_each_task_at_most_once(source, rng):
    data, seen = data_of(source), set()
    for _ in range(20):
        specs = data.draw(2, 4, rng).specs.flatten().tolist()
        assert len(set(specs)) == 2
        seen |= set(specs)
    assert len(seen) == 5


def test_spread_samples_are_the_same_every_time_and_reach_the_ends(make_demonstrations):
    demonstrations = make_demonstrations([-2.0, 1.0], [10, 30])
    data = data_of(demonstrations)
    first, second = data.spread(1000), data.spread(1000)
    assert torch.equal(first.observations, second.observations)
    assert first.observations.shape == (2, 60, 3)  # two episodes of the longest task, whole
    normalizer = Normalizer.of(demonstrations)
    whole = normalizer.observations(demonstrations.observations(1))
    assert np.array_equal(first.observations[1].numpy(), whole)


def test_policies_act_as_they_did_inside_the_fit(source, rng):
    shapes = [(3, 4), (4, 2)]
    layers = [
        (torch.randn(2, *shape, generator=rng), torch.randn(2, shape[1], generator=rng))
        for shape in shapes
    ]
    normalizer = Normalizer.of(source)
    policies = to_policies(layers, normalizer, "relu")
    assert isinstance(policies, MLPPolicies)
    raw = np.stack([source.observations(0), source.observations(1)])
    inside = act(layers, torch.from_numpy(normalizer.observations(raw)), "relu").numpy()
    assert np.allclose(normalizer.actions(policies.act(raw)), inside, atol=1e-5)


def test_learning_rate_is_constant_then_falls_to_its_final_share():
    config = LearningConfig(num_steps=100, learning_rate=1.0, final_learning_rate=0.1)
    rates = [learning_rate(step, config) for step in range(1, 101)]
    assert rates[:60] == [1.0] * 60
    assert rates[79] == pytest.approx(0.55)
    assert rates[99] == pytest.approx(0.1)
    constant = config.model_copy(update={"decay_start": 1.0})
    assert learning_rate(100, constant) == 1.0


class Number(torch.nn.Module):
    """One parameter: whatever the loss makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(1.0))


def fit_number(source, validation, loss, config, rng):
    network, calls = Number(), []
    report = fit_network(
        network,
        lambda batch: loss(network.value, batch),
        data_of(source),
        None if validation is None else data_of(validation),
        config,
        rng,
        lambda *call: calls.append(call),
    )
    return float(network.value.detach()), report, calls


def source_falls_validation_turns(value, batch):
    """Descends to -1 on the 5 source tasks; on the 2 validation tasks 0.5 is best."""
    return (value - (-1.0 if len(batch.specs) == 5 else 0.5)) ** 2


def test_the_weights_with_the_lowest_validation_loss_are_kept(source, validation, rng):
    config = LearningConfig(num_steps=200, learning_rate=0.01, num_checks=200, choose_after=0)
    value, report, calls = fit_number(
        source, validation, source_falls_validation_turns, config, rng
    )
    assert value == pytest.approx(0.5, abs=0.01)
    assert 30 < report.chosen_step < 80
    best = min(report.curve, key=lambda point: point[2])
    assert best[0] == report.chosen_step
    assert [call[:2] for call in calls] == [(step, 200) for step in range(1, 201)]


def test_no_weights_are_kept_before_choose_after(source, validation, rng):
    config = LearningConfig(num_steps=100, learning_rate=0.02, num_checks=50, choose_after=0.9)
    _, report, _ = fit_number(source, validation, source_falls_validation_turns, config, rng)
    assert min(report.curve, key=lambda point: point[2])[0] < report.chosen_step == 90


def test_the_last_weights_are_kept_where_that_is_asked_for(source, validation, rng):
    config = LearningConfig(
        num_steps=200, learning_rate=0.01, num_checks=200, choose_after=0, choose_by="last"
    )
    value, report, _ = fit_number(source, validation, source_falls_validation_turns, config, rng)
    assert value < 0.2
    assert report.chosen_step == 200
    assert report.curve[0][2] is not None, "it is measured all the same"


def test_observations_are_left_raw_where_that_is_asked_for():
    demonstrations = line_demonstrations()
    made = {}
    for observations in ("normalised", "raw"):
        config = ConditionalConfig(num_steps=5, policy_width=8, observations=observations)
        method = Conditional(config)
        method.fit(demonstrations, validation=demonstrations, seed=0)
        made[observations] = method.generate(demonstrations.specs)
    assert made["normalised"].observation_mean.any()
    assert not made["raw"].observation_mean.any()
    assert (made["raw"].observation_std == 1).all()


def test_without_validation_the_last_weights_are_kept(source, rng):
    config = LearningConfig(num_steps=50, learning_rate=0.01, num_checks=7)
    value, report, calls = fit_number(source, None, source_falls_validation_turns, config, rng)
    assert value < 0.7
    assert report.chosen_step == report.num_steps == 50
    assert report.num_parameters == 1
    assert len(report.curve) == len(calls) == 7
    assert calls[-1][0] == report.curve[-1][0] == 50
    assert all(held_out is None for _, _, held_out in report.curve)


def test_more_checks_than_steps_check_every_step(source, rng):
    config = LearningConfig(num_steps=3, num_checks=50)
    _, report, _ = fit_number(source, None, source_falls_validation_turns, config, rng)
    assert [step for step, _, _ in report.curve] == [1, 2, 3]


def test_the_first_step_that_is_not_finite_is_named(source, rng):
    steps = iter(range(1, 100))

    def breaks_at_17(value, batch):
        return value * (float("inf") if next(steps) == 17 else 1.0)

    config = LearningConfig(num_steps=50, num_checks=5)
    with pytest.raises(FloatingPointError, match="Training loss is inf at step 17"):
        fit_number(source, None, breaks_at_17, config, rng)


def test_a_validation_loss_that_is_not_finite_ends_the_fit(source, validation, rng):
    def breaks_on_validation(value, batch):
        return value * (1.0 if len(batch.specs) == 5 else float("nan"))

    config = LearningConfig(num_steps=10, num_checks=5)
    with pytest.raises(FloatingPointError, match="Validation loss is nan after step 2"):
        fit_number(source, validation, breaks_on_validation, config, rng)


def test_a_repeated_layer_has_the_gradient_of_an_ordinary_one(rng):
    there, back = RepeatedLinear(5, 7, rng), RepeatedLinear(7, 5, rng)
    inputs = torch.randn(3, 5, generator=rng, requires_grad=True)
    wanted = [inputs, *there.parameters(), *back.parameters()]

    def gradients(first, last):
        hidden = inputs
        for _ in range(4):
            hidden = last(torch.relu(first(hidden)))
        return torch.autograd.grad((hidden**2).sum(), wanted)

    ordinary = gradients(there, back)
    # Twice, so that what one graph has gathered is not in the next.
    for _ in range(2):
        gathered = gradients(there.open(), back.open())
        for ours, theirs in zip(gathered, ordinary, strict=True):
            assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max()


@pytest.mark.parametrize("num_steps", [1, 10])
def test_a_gradient_that_is_not_finite_ends_the_fit_even_at_its_last_step(source, rng, num_steps):
    def breaks_the_gradient(value, batch):
        return 0.25 + torch.sqrt(value - value.detach())  # with an infinite slope

    config = LearningConfig(num_steps=num_steps, num_checks=1)
    with pytest.raises(
        FloatingPointError, match=r"Gradient norm is (inf|nan) at step 1, loss 0\.25"
    ):
        fit_number(source, None, breaks_the_gradient, config, rng)


def test_networks_are_sized_by_what_is_shown(source):
    """A circle and three categories: two features, five numbers."""
    features = (
        Feature("angle", 0.0, 360.0, "degrees", "goal", "circle"),
        Feature.of_categories("colour", ("red", "green", "blue"), "object"),
    )
    space = SpecSpace(features)
    specs = space.grid("toy/shown-v1", angle=[0, 90, 180], colour=["red", "blue"])[
        : source.num_tasks
    ]
    shown = replace(source, specs=specs)
    method = Conditional(Conditional.Config(num_steps=2))
    method.fit(shown, validation=None, seed=0)
    policies = method.generate([space.task("toy/shown-v1", angle=45, colour="green")])
    assert policies.num_tasks == 1


def test_a_generator_of_before_there_were_domains_is_read(source, tmp_path):
    method = Conditional(Conditional.Config(num_steps=2))
    method.fit(source, validation=None, seed=0)
    method.save(tmp_path)
    path = tmp_path / "generator.json"
    path.write_text(path.read_text().replace("shown_dim", "num_features"))
    loaded = Conditional()
    loaded.load(tmp_path)
    assert loaded.generate(source.specs).num_tasks == source.num_tasks


class Exploding(LearnedGenerator):
    """Fits well; the weights for scaled specs above 0.7 are infinite."""

    def build(self, dimensions, rng):
        return Overflow()

    def loss(self, network, batch):
        return network.weight.square().sum()


class Overflow(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(3, 2))

    def forward(self, specs):
        far = torch.where(specs > 0.7, torch.inf, 0.0)
        return [(self.weight + far[:, :, None], torch.zeros(len(specs), 2))]


def test_weights_that_are_not_finite_are_never_handed_out(source, make_spec):
    generator = Exploding(LearningConfig(num_steps=2))
    generator.fit(source, validation=None, seed=0)
    generator.generate([make_spec(0.5)])
    with pytest.raises(FloatingPointError, match=r"generated for tilt=1\.9 has weights that are"):
        generator.generate([make_spec(0.5), make_spec(1.9), make_spec(2.0)])
