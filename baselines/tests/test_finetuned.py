from __future__ import annotations

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.conditional import Conditional, ConditionalConfig
from hyperbench_baselines.finetuned import (
    ConditionalFinetuned,
    ConditionalFinetunedConfig,
    HypogenFinetunedConfig,
)
from hyperbench_baselines.hypogen import HypogenConfig

TINY = {"num_steps": 20, "samples_per_task": 16, "policy_width": 8, "embedding_width": 8}


@pytest.fixture
def fitted(source):
    """A fitted generator with the given steps of fine-tuning."""

    def make(**settings):
        generator = ConditionalFinetuned(ConditionalFinetunedConfig(**TINY, **settings))
        generator.fit(source, validation=None, seed=0)
        return generator

    return make


def test_without_steps_it_is_what_is_fine_tuned(fitted, source, validation):
    base = Conditional(ConditionalConfig(**TINY))
    base.fit(source, validation=None, seed=0)
    expected = base.generate(validation.specs)
    policies = fitted(finetune_steps=0).generate(validation.specs, validation)
    for array, other in zip(policies.weights, expected.weights, strict=True):
        assert np.array_equal(array, other)


def test_steps_clone_the_support(fitted, validation):
    errors = []
    for num_steps in (0, 200):
        generator = fitted(finetune_steps=num_steps, finetune_learning_rate=1e-2)
        policies = generator.generate(validation.specs, validation)
        for task in range(2):
            acted = policies.act(validation.observations(task)[None].repeat(2, axis=0))[task]
            errors.append(((acted - validation.actions(task)) ** 2).mean())
    assert errors[2] < 0.3 * errors[0]
    assert errors[3] < 0.3 * errors[1]


def test_stacked_tasks_do_not_meet(fitted, dimensions, rng):
    """Adapted together, with gradients of very different size, or one by one: the same."""
    generator = fitted(finetune_steps=20, finetune_learning_rate=1e-2)
    network = generator.build(dimensions, rng)
    specs = torch.tensor([[-1.0], [0.5]])
    observations = torch.randn(2, 30, 3, generator=rng)
    actions = torch.stack([torch.zeros(30, 2), torch.full((30, 2), 0.9)])
    together = generator.adapt(network, specs, Batch(specs, observations, actions))
    for task in range(2):
        row = slice(task, task + 1)
        batch = Batch(specs[row], observations[row], actions[row])
        alone = generator.adapt(network, specs[row], batch)
        for several, single in zip(together, alone, strict=True):
            for one, other in zip(several, single, strict=True):
                assert (one[task] - other[0]).abs().max() < 1e-5


def test_fine_tuning_leaves_the_generator_alone(fitted, validation):
    generator = fitted(finetune_steps=5)
    policies = [generator.generate(validation.specs, validation) for _ in range(2)]
    assert np.array_equal(policies[0].weights[0], policies[1].weights[0])


@pytest.mark.parametrize(
    ("config", "base"),
    [
        (ConditionalFinetunedConfig, ConditionalConfig),
        (HypogenFinetunedConfig, HypogenConfig),
    ],
)
def test_the_fit_has_the_settings_of_what_is_fine_tuned(config, base):
    settings = base().model_dump()
    assert {name: getattr(config(), name) for name in settings} == settings
    assert base.SEARCH.items() <= config.SEARCH.items()
