"""What is true of every method, and what each must be able to learn."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
import torch
from hyperbench_baselines import finetuned
from hyperbench_baselines.plugin import hyperbench_methods

from hyperbench.errors import DataError, NotFittedError
from hyperbench.testing.method import METHOD_CHECKS, check_method

TINY = {"num_steps": 30, "samples_per_task": 32, "num_checks": 5, "policy_width": 16}
TINY_HYPOGEN = {"num_blocks": 2, "code_width": 8, "codec_width": 16, "block_width": 16}
TINY_FINETUNED = {"finetune_steps": 3, "finetune_samples": 16}
TINY_OF = {
    "hypogen": TINY_HYPOGEN,
    "hypogen-finetuned": TINY_HYPOGEN | TINY_FINETUNED,
    "conditional-finetuned": TINY_FINETUNED,
    "decision-adapter": {"embedding_width": 16, "bottleneck": 4},
    "maml": {"inner_steps": 2, "inner_learning_rate": 1.0, "adaptation_steps": 2},
    "pearl": {"encoder_width": 64},
}

ENTRIES = {entry.name: entry for entry in hyperbench_methods()}
TILTS = [-1.7, 0.2, 0.5, 1.9]
SEES_SPECS = [
    "hypogen",
    "hyperzero",
    "conditional",
    "uvfa",
    "film",
    "decision-adapter",
    "bias-hyperinit",
    "interpolation",
    "nearest-clone",
    "kernel-clones",
]


def method(name: str):
    module, name = ENTRIES[name].target.split(":")
    return getattr(importlib.import_module(module), name)


def config(name: str, **overrides):
    return method(name).Config(**{**TINY, **TINY_OF.get(name, {}), **overrides})


@pytest.fixture
def generate(make_demonstrations):
    """Let a method generate for some tilts, with support if it is of the few-shot track."""
    # One set for all calls, in which a task's demonstrations are always the same.
    support = make_demonstrations(TILTS)
    by_tilt = dict(zip(TILTS, support.specs, strict=True))

    def call(name, generator, tilts):
        given = support if ENTRIES[name].track == "few-shot" else None
        return generator.generate([by_tilt[tilt] for tilt in tilts], given)

    return call


def same(one, other):
    """Whether two sets of policies are equal to the last bit."""
    arrays, others = one.to_arrays()[0], other.to_arrays()[0]
    return arrays.keys() == others.keys() and all(
        np.array_equal(arrays[name], others[name]) for name in arrays
    )


@pytest.mark.parametrize("name", ENTRIES)
def test_contract(name):
    entry = ENTRIES[name]
    except_for = [check for check in METHOD_CHECKS if check.__name__ in entry.except_for]
    few_shot = entry.track == "few-shot"
    check_method(method(name), config(name), few_shot=few_shot, except_for=except_for)


@pytest.mark.parametrize("name", ENTRIES)
def test_a_fit_that_explodes_ends_with_its_step_and_loss(name, source):
    """Steps so long that weights overflow."""
    generator = method(name)(config(name, learning_rate=1e38))
    said = r"(Training loss is (nan|inf) at step \d+|Gradient norm is (nan|inf) at step \d+, loss)"
    with pytest.raises(FloatingPointError, match=said):
        generator.fit(source, validation=None, seed=0)


@pytest.mark.parametrize("name", ["maml", "hypogen-finetuned", "conditional-finetuned"])
def test_an_adaptation_that_explodes_is_never_handed_out(name, source, generate, monkeypatch):
    """A factor beyond float32: whether mere 1e38 overflows depends on a processor's kernels."""
    generator = method(name)(config(name, num_steps=2))
    generator.fit(source, validation=None, seed=0)
    if name == "maml":
        generator.config = config(name, num_steps=2, inner_learning_rate=1e300)
    else:
        exact = finetuned.cloning_loss
        monkeypatch.setattr(finetuned, "cloning_loss", lambda *given: exact(*given) * 1e300)
    with pytest.raises(FloatingPointError, match=r"tilt=0\.5 has weights that are not finite"):
        generate(name, generator, [0.5])


def test_spec_blind_ignores_specs(source, make_spec):
    generator = method("spec-blind")(config("spec-blind"))
    generator.fit(source, validation=None, seed=0)
    policies = generator.generate([make_spec(-2.0), make_spec(1.3)])
    for array in (*policies.weights, *policies.biases):
        assert np.array_equal(array[0], array[1])


@pytest.fixture(scope="module")
def losses():
    """What a test has measured for the others."""
    return {}


@pytest.fixture
def blind_loss(losses, source, validation):
    """What is lost on tasks held out where specs are not read."""
    if "blind" not in losses:
        blind = method("spec-blind")(config("spec-blind", num_steps=400))
        report = blind.fit(source, validation=validation, seed=0)
        losses["blind"] = min(loss for _, _, loss in report.curve)
    return losses["blind"]


@pytest.mark.parametrize("name", SEES_SPECS)
def test_clones_and_generalises(name, source, validation, blind_loss):
    generator = method(name)(config(name, num_steps=400))
    report = generator.fit(source, validation=validation, seed=0)
    held_out = min(loss for _, _, loss in report.curve)
    assert held_out < 0.5 * blind_loss
    policies = generator.generate(validation.specs)
    for task in range(validation.num_tasks):
        acted = policies.act(np.stack([validation.observations(task)] * 2))[task]
        error = (acted - validation.actions(task)) / np.array([1.0, 2.0])  # half the action range
        assert np.mean(error**2) < 0.1


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("maml", {"num_steps": 200}),
        ("pearl", {"num_steps": 300}),
        ("hypogen-finetuned", {"num_steps": 120, "finetune_steps": 60}),
        ("conditional-finetuned", {"num_steps": 60, "finetune_steps": 60}),
    ],
)
def test_support_tells_a_task_from_others(name, settings, source, validation):
    generator = method(name)(config(name, **settings))
    generator.fit(source, validation=validation, seed=0)
    policies = generator.generate(validation.specs, validation)
    for task in range(validation.num_tasks):
        acted = policies.act(np.stack([validation.observations(task)] * 2))[task]
        error = (acted - validation.actions(task)) / np.array([1.0, 2.0])
        assert np.mean(error**2) < 0.06  # one policy for all tasks has 0.15


@pytest.mark.parametrize("name", ENTRIES)
def test_policies_are_independent_to_the_last_bit(name, source, generate):
    generator = method(name)(config(name))
    generator.fit(source, validation=None, seed=0)
    tilts = [-1.7, 0.2, 1.9]
    together, alone = generate(name, generator, tilts), generate(name, generator, tilts[1:2])
    assert same(together.take([1]), alone)


@pytest.mark.parametrize("name", ENTRIES)
def test_fit_ignores_and_keeps_the_global_generator(name, source, generate):
    fitted = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        generator = method(name)(config(name))
        generator.fit(source, validation=None, seed=0)
        assert torch.equal(torch.get_rng_state(), before)
        fitted.append(generate(name, generator, [0.5]))
    assert same(*fitted)


@pytest.mark.parametrize("name", [name for name in ENTRIES if name != "decision-adapter"])
def test_published_depths_and_activations_can_be_generated(name, source, generate):
    settings = config(name, num_steps=2, policy_depth=3, policy_activation="tanh")
    generator = method(name)(settings)
    generator.fit(source, validation=None, seed=0)
    policies = generate(name, generator, [0.5])
    policies = getattr(policies, "members", policies)
    assert [weight.shape[1:] for weight in policies.weights] == [(3, 16), (16, 16), (16, 2)]
    assert policies.activation == "tanh"


@pytest.mark.parametrize("name", ENTRIES)
def test_a_loss_that_is_not_finite_ends_the_fit(name, source):
    generator = method(name)(config(name))
    source.episodes[2][0].actions[3] = np.nan
    with pytest.raises(FloatingPointError, match=r"Training loss is nan at step \d+"):
        generator.fit(source, validation=None, seed=0)
    with pytest.raises(NotFittedError):
        generator.generate(source.specs)


def test_loading_restores_the_configuration(source, tmp_path, make_spec):
    saved = method("hypogen")(config("hypogen", code_width=6))
    saved.fit(source, validation=None, seed=0)
    saved.save(tmp_path)
    loaded = method("hypogen")()
    loaded.load(tmp_path)
    assert loaded.config == saved.config
    policies = [generator.generate([make_spec(0.1)]) for generator in (saved, loaded)]
    assert np.array_equal(policies[0].weights[0], policies[1].weights[0])


def test_loading_another_method_or_broken_files_is_an_error(source, tmp_path):
    saved = method("spec-blind")(config("spec-blind"))
    saved.fit(source, validation=None, seed=0)
    saved.save(tmp_path)
    with pytest.raises(DataError, match="holds a SpecBlind, not a Hypogen"):
        method("hypogen")().load(tmp_path)
    description = tmp_path / "generator.json"
    correct = json.loads(description.read_text())
    wrong = {**correct, "config": {**correct["config"], "policy_width": 17}}
    for text in (json.dumps(wrong), "{"):
        description.write_text(text)
        with pytest.raises(DataError, match="does not hold a SpecBlind"):
            method("spec-blind")().load(tmp_path)
    description.write_text(json.dumps(correct))
    (tmp_path / "generator.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match="does not hold a SpecBlind"):
        method("spec-blind")().load(tmp_path)


def test_saving_before_fit_is_an_error(tmp_path):
    with pytest.raises(NotFittedError):
        method("hypogen")().save(tmp_path)
