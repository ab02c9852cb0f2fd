"""HyPoGen against a slow transcription of its equations, its switches, and its published sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.layers import TaskEmbedding
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import cloning_loss
from hyperbench_baselines.hypogen import Hypogen, HypogenConfig, HypogenNetwork
from hyperbench_baselines.pseudo_descent import PseudoDescent
from pydantic import ValidationError
from torch import Tensor

from hyperbench.errors import NotFittedError
from hyperbench.testing.method import check_method

SMALL = {
    "num_blocks": 3,
    "code_width": 5,
    "codec_width": 6,
    "block_width": 7,
    "pseudo_width": 4,
    "embedding_width": 8,
    "policy_width": 9,
}
SWITCHES = {
    "default": {},
    "depth 1": {"policy_depth": 1},
    "depth 4": {"policy_depth": 4},
    "flat": {"structure": "flat", "policy_depth": 3},
    "no norm": {"layer_norm": False},
    "predicted step": {"step_size": "predicted"},
    "slice": {"jacobian_product": "slice", "policy_depth": 3},
    "all": {"structure": "flat", "layer_norm": False, "step_size": "predicted"},
}


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def affine(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    return weight @ x + bias


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    deviation = ((x - x.mean()) ** 2).mean()
    return (x - x.mean()) / torch.sqrt(deviation + 1e-5) * scale + shift


def transcription(descent: PseudoDescent, config: HypogenConfig, z: Tensor) -> list[list[Tensor]]:
    """theta^1..theta^K of one task, flat per layer: equation by equation, one block and layer,
    and with slice products one row of a Jacobian, at a time."""
    p = dict(descent.named_parameters())
    sizes = descent.sizes
    num_blocks, num_layers, hidden = config.num_blocks, len(sizes), config.block_width

    def linear(name: str, x: Tensor) -> Tensor:
        return affine(p[f"{name}.weight"], p[f"{name}.bias"], x)

    def stacked(name: str, i: int, x: Tensor) -> Tensor:
        return affine(p[f"{name}.weight"][i].T, p[f"{name}.bias"][i, 0], x)

    def end(k: int, which: int, last: str) -> Tensor:
        """f_in or f_loss of block k."""
        rows = slice((which * num_blocks + k) * hidden, (which * num_blocks + k + 1) * hidden)
        name = "gradient.ends_first"
        h = torch.relu(affine(p[f"{name}.weight"][rows], p[f"{name}.bias"][rows], z))
        return stacked(f"gradient.{last}", k, h)

    def perceptron(k: int, layer: int, which: int, last: str, a: Tensor, w: Tensor) -> Tensor:
        """f_l, J^a_l or J^w_l of block k."""
        name = f"gradient.blocks.{k}.{layer}"
        rows = slice(which * hidden, (which + 1) * hidden)
        first = p[f"{name}.first.weight"][rows], p[f"{name}.first.bias"][rows]
        return linear(f"{name}.{last}", torch.relu(affine(*first, torch.cat([a, w]))))

    def product(k: int, layer: int, kind: str, jacobian: Tensor, d: Tensor) -> Tensor:
        if config.jacobian_product == "direct":
            return jacobian @ d
        name = f"gradient.blocks.{k}.{layer}.product_{kind}"
        rows = [torch.relu(linear(f"{name}.first", torch.cat([row, d]))) for row in jacobian]
        return torch.cat([linear(f"{name}.last", h) for h in rows])

    def by_chain_rule(k: int, w: list[Tensor]) -> list[Tensor]:
        a = [end(k, 0, "start_last")]
        for layer in range(num_layers):
            a.append(perceptron(k, layer, 0, "output", a[layer], w[layer]))
        d = end(k, 1, "loss_last")
        gradients = []
        for layer in reversed(range(num_layers)):
            jacobian = perceptron(k, layer, 2, "jacobian_code", a[layer], w[layer])
            g = product(k, layer, "code", jacobian.reshape(len(w[layer]), len(d)), d)
            jacobian = perceptron(k, layer, 1, "jacobian_input", a[layer], w[layer])
            d = product(k, layer, "input", jacobian.reshape(len(a[layer]), len(d)), d)
            gradients.insert(0, g)
        return gradients

    def by_one_perceptron(k: int, w: list[Tensor]) -> list[Tensor]:
        h = torch.relu(linear(f"gradient.blocks.{k}.0", torch.cat([z, *w])))
        g = linear(f"gradient.blocks.{k}.2", h)
        code = config.code_width
        return [g[layer * code : (layer + 1) * code] for layer in range(num_layers)]

    theta = [p[f"theta.{layer}"][0] for layer in range(num_layers)]
    iterates = []
    for k in range(num_blocks):
        w = []
        for layer in range(num_layers):
            h = torch.relu(linear(f"encode_first.{layer}", theta[layer]))
            w.append(stacked("encode_last", layer, h))
        g = by_chain_rule(k, w) if config.structure == "chain-rule" else by_one_perceptron(k, w)
        step = p["steps"][k, 0]
        if config.step_size == "predicted":
            step = step + p["step_slope"][k] @ z
        new = []
        for layer in range(num_layers):
            h = torch.relu(stacked("decode_first", layer, g[layer]))
            update = linear(f"decode_last.{layer}", h)
            if config.layer_norm:
                scale, shift = p[f"norm_scale.{layer}"], p[f"norm_shift.{layer}"]
                cut = sizes[layer][0] * sizes[layer][1]
                parts = [(update[i], scale[i], shift[i]) for i in (slice(cut), slice(cut, None))]
                update = torch.cat([layer_norm(*part) for part in parts])
            new.append(theta[layer] + step * update)
        theta = new
        iterates.append(theta)
    return iterates


def scrambled(network: torch.nn.Module, rng: torch.Generator) -> torch.nn.Module:
    """Nothing may hide behind zeros and ones."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=rng)
    return network


@pytest.mark.parametrize("settings", SWITCHES.values(), ids=SWITCHES)
def test_equals_the_equations_one_task_at_a_time(dimensions, rng, settings):
    config = HypogenConfig(**SMALL, **settings, initial_step=-0.5, value_weight=1)
    network = scrambled(HypogenNetwork(dimensions, config, rng), rng)
    specs = torch.tensor([[-1.0], [0.3], [0.9]])
    with torch.no_grad():
        policies, critic = network.iterates_and_critic(specs)
        for task, spec in enumerate(specs):
            z = network.embedding(spec)
            expected = [
                *transcription(network.policy, config, z),
                transcription(network.critic, config, z)[-1],
            ]
            for layers, flat_layers in zip([*policies, critic], expected, strict=True):
                for (weight, bias), flat in zip(layers, flat_layers, strict=True):
                    ours = torch.cat([weight[task].flatten(), bias[task]])
                    assert (ours - flat).abs().max() < 1e-5
    assert (policies[-1][0][0][0] - policies[-1][0][0][1]).abs().max() > 1e-3


@pytest.mark.parametrize("settings", SWITCHES.values(), ids=SWITCHES)
def test_gradients_are_those_of_the_equations(dimensions, rng, settings):
    """The codecs' gradients are gathered over blocks by hand."""
    config = HypogenConfig(**SMALL, **settings, initial_step=-0.5)
    network = scrambled(HypogenNetwork(dimensions, config, rng), rng)
    specs = torch.tensor([[-1.0], [0.3]])
    ours = sum((tensor**2).sum() for layer in network(specs) for tensor in layer)
    slow = sum(
        (flat**2).sum()
        for spec in specs
        for flat in transcription(network.policy, config, network.embedding(spec))[-1]
    )
    used = list(network.parameters())
    for mine, theirs in zip(
        torch.autograd.grad(ours, used, allow_unused=True),
        torch.autograd.grad(slow, used, allow_unused=True),
        strict=True,
    ):
        if mine is not None:
            assert (mine - theirs).abs().max() < 1e-4 * (1 + theirs.abs().max())


def test_published_size_is_the_papers(cheetah, rng):
    """PAPER.md: 31.407 M with Q, counted by running the authors' code."""
    assert count(HypogenNetwork(cheetah, HypogenConfig.published(), rng)) == 31_407_324
    alone = HypogenConfig.published(value_weight=0, td_weight=0)
    assert count(HypogenNetwork(cheetah, alone, rng)) == 16_122_632


@pytest.mark.parametrize(
    ("observation_dim", "action_dim", "millions"), [(17, 6, 31.7), (24, 6, 34.5), (9, 2, 26.3)]
)
def test_with_slice_products_sizes_are_the_published_ones(
    observation_dim, action_dim, millions, rng
):
    dimensions = Dimensions(1, observation_dim, action_dim)
    config = HypogenConfig.published(jacobian_product="slice")
    assert round(count(HypogenNetwork(dimensions, config, rng)) / 1e6, 1) == millions


def test_default_size(cheetah, rng):
    assert count(HypogenNetwork(cheetah, HypogenConfig(), rng)) == 1_676_018


def test_embedding_is_the_published_one(rng):
    assert count(TaskEmbedding(1, 256, rng)) == 387_328


def test_a_preset_sets_defaults_and_gives_way_to_what_is_given():
    config = HypogenConfig(preset="published", num_steps=7, num_blocks=2)
    assert (config.code_width, config.num_steps, config.num_blocks) == (128, 7, 2)
    assert HypogenConfig.published() == HypogenConfig(preset="published")
    assert HypogenConfig.model_validate(config.model_dump()) == config
    with pytest.raises(ValidationError, match=r"default.*published"):
        HypogenConfig(preset="publisht")


def test_the_policy_of_the_published_manipulation_setting_goes_with_any_preset():
    config = HypogenConfig(policy="manipulation", preset="published")
    assert config.policy_sizes(8, 4) == ((8, 256), (256, 256), (256, 4))
    assert (config.policy_activation, config.code_width) == ("tanh", 128)
    assert HypogenConfig(policy="manipulation", policy_depth=4).policy_depth == 4
    assert HypogenConfig.model_validate(config.model_dump()) == config
    with pytest.raises(ValidationError, match=r"locomotion.*manipulation"):
        HypogenConfig(policy="flight")


def test_every_parameter_learns_but_those_that_nothing_uses(dimensions, rng):
    network = HypogenNetwork(dimensions, HypogenConfig(**SMALL, policy_depth=3), rng)
    layers = network(torch.tensor([[-1.0], [0.5]]))
    sum((tensor**2).sum() for layer in layers for tensor in layer).backward()
    without = {name for name, p in network.named_parameters() if p.grad is None}
    unused = ("0.jacobian_input", "2.output")  # d_0 and a_L
    assert without == {
        f"policy.gradient.blocks.{k}.{layer}.{kind}"
        for k in range(3)
        for layer in unused
        for kind in ("weight", "bias")
    }


def test_predicted_steps_start_as_learned_ones_and_differ_after_a_fit(source, validation):
    settings = {**SMALL, "step_size": "predicted", "num_steps": 20, "samples_per_task": 32}
    generator = Hypogen(HypogenConfig(**settings))
    before = generator.build(Dimensions(1, 3, 2), torch.Generator().manual_seed(0)).policy
    assert not before.step_slope.any()
    generator.fit(source, validation=validation, seed=0)
    assert generator._network.policy.step_slope.abs().max() > 1e-4


def test_early_supervision_averages_the_loss_of_all_policies(dimensions, rng):
    batch = Batch(
        torch.tensor([[-1.0], [0.5]]),
        torch.randn(2, 6, 3, generator=rng),
        torch.randn(2, 6, 2, generator=rng).tanh(),
    )
    losses = {}
    for early in (False, True):
        config = HypogenConfig(**SMALL, early_supervision=early, initial_step=-0.5)
        network = HypogenNetwork(dimensions, config, torch.Generator().manual_seed(0))
        losses[early] = Hypogen(config).loss(network, batch).item()
    iterates = network.iterates(batch.specs)
    each = [cloning_loss(layers, batch, "relu").item() for layers in iterates]
    assert losses[False] == pytest.approx(each[-1])
    assert losses[True] == pytest.approx(sum(each) / 3)
    assert abs(losses[True] - losses[False]) > 1e-4


def test_contract_with_every_switch_thrown():
    settings = {
        "structure": "flat",
        "layer_norm": False,
        "step_size": "predicted",
        "early_supervision": True,
        "value_weight": 0.01,
        "td_weight": 0.01,
    }
    check_method(Hypogen, HypogenConfig(**SMALL, **settings, num_steps=20, samples_per_task=16))


def test_intermediate_policies_are_one_a_block_and_end_with_the_generated(source, make_spec):
    generator = Hypogen(HypogenConfig(**SMALL, num_steps=3, samples_per_task=8))
    specs = [make_spec(-1.3), make_spec(0.4)]
    with pytest.raises(NotFittedError):
        generator.intermediate(specs)
    generator.fit(source, validation=None, seed=0)
    *earlier, last = generator.intermediate(specs)
    generated = generator.generate(specs)
    assert len(earlier) == 2
    for ours, theirs in zip(last.weights, generated.weights, strict=True):
        assert np.array_equal(ours, theirs)
    assert not np.array_equal(earlier[-1].weights[0], last.weights[0])
