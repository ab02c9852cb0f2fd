"""HyPoGen against a slow transcription of its equations, and its published sizes."""

from __future__ import annotations

import pytest
import torch
from hyperbench_baselines.common.layers import TaskEmbedding
from hyperbench_baselines.hypogen import HypogenConfig, HypogenNetwork, PseudoDescent
from pydantic import ValidationError
from torch import Tensor

SMALL = {
    "num_blocks": 3,
    "code_width": 5,
    "codec_width": 6,
    "block_width": 7,
    "pseudo_width": 4,
    "embedding_width": 8,
    "policy_width": 9,
}


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def affine(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    return weight @ x + bias


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    deviation = ((x - x.mean()) ** 2).mean()
    return (x - x.mean()) / torch.sqrt(deviation + 1e-5) * scale + shift


def transcription(network: HypogenNetwork, spec: Tensor) -> list[Tensor]:
    """theta^K of one task, flat per layer, equation by equation, one block and layer at a time."""
    p = dict(network.policy.named_parameters())
    z = network.embedding(spec)
    sizes = network.policy.sizes
    num_blocks, num_layers = len(network.policy.blocks), len(sizes)
    hidden = network.policy.start_last.weight.shape[1]

    def end(k: int, which: int, last: str) -> Tensor:
        """f_in or f_loss of block k."""
        rows = slice((which * num_blocks + k) * hidden, (which * num_blocks + k + 1) * hidden)
        h = torch.relu(affine(p["ends_first.weight"][rows], p["ends_first.bias"][rows], z))
        return affine(p[f"{last}.weight"][k].T, p[f"{last}.bias"][k, 0], h)

    def perceptron(k: int, layer: int, which: int, last: str, a: Tensor, w: Tensor) -> Tensor:
        """f_l, J^a_l or J^w_l of block k."""
        name = f"blocks.{k}.{layer}"
        rows = slice(which * hidden, (which + 1) * hidden)
        first = p[f"{name}.first.weight"][rows], p[f"{name}.first.bias"][rows]
        h = torch.relu(affine(*first, torch.cat([a, w])))
        return affine(p[f"{name}.{last}.weight"], p[f"{name}.{last}.bias"], h)

    theta = [p[f"theta.{layer}"][0] for layer in range(num_layers)]
    for k in range(num_blocks):
        w = []
        for layer in range(num_layers):
            name = f"encode_first.{layer}"
            h = torch.relu(affine(p[f"{name}.weight"], p[f"{name}.bias"], theta[layer]))
            last = p["encode_last.weight"][layer].T, p["encode_last.bias"][layer, 0]
            w.append(affine(*last, h))
        a = [end(k, 0, "start_last")]
        for layer in range(num_layers):
            a.append(perceptron(k, layer, 0, "output", a[layer], w[layer]))
        d = end(k, 1, "loss_last")
        for layer in reversed(range(num_layers)):
            jacobian = perceptron(k, layer, 2, "jacobian_code", a[layer], w[layer])
            g = jacobian.reshape(len(w[layer]), len(d)) @ d
            jacobian = perceptron(k, layer, 1, "jacobian_input", a[layer], w[layer])
            d = jacobian.reshape(len(a[layer]), len(d)) @ d
            first = p["decode_first.weight"][layer].T, p["decode_first.bias"][layer, 0]
            h = torch.relu(affine(*first, g))
            name = f"decode_last.{layer}"
            update = affine(p[f"{name}.weight"], p[f"{name}.bias"], h)
            scale, shift = p[f"norm_scale.{layer}"], p[f"norm_shift.{layer}"]
            cut = sizes[layer][0] * sizes[layer][1]
            theta[layer] = theta[layer] + p["steps"][k] * torch.cat(
                [
                    layer_norm(update[:cut], scale[:cut], shift[:cut]),
                    layer_norm(update[cut:], scale[cut:], shift[cut:]),
                ]
            )
    return theta


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_equals_the_equations_one_task_at_a_time(dimensions, rng, depth):
    config = HypogenConfig(**SMALL, policy_depth=depth, initial_step=-0.5)
    network = HypogenNetwork(dimensions, config, rng)
    with torch.no_grad():
        for parameter in network.parameters():  # nothing may hide behind zeros and ones
            parameter += 0.2 * torch.randn(parameter.shape, generator=rng)
        specs = torch.tensor([[-1.0], [0.3], [0.9]])
        layers = network(specs)
        for task, spec in enumerate(specs):
            for (weight, bias), flat in zip(layers, transcription(network, spec), strict=True):
                ours = torch.cat([weight[task].flatten(), bias[task]])
                assert (ours - flat).abs().max() < 1e-5
    assert (layers[0][0][0] - layers[0][0][1]).abs().max() > 1e-3


def test_published_size_is_the_papers(cheetah, rng):
    config = HypogenConfig(preset="published")
    policy_alone = HypogenNetwork(cheetah, config, rng)
    assert count(policy_alone) == 16_122_632
    q_sizes = ((17 + 6, 256), (256, 1))
    both = count(policy_alone) + count(PseudoDescent(q_sizes, config, rng))
    assert both == 31_407_324  # PAPER.md: 31.407 M, counted by running the authors' code


def test_default_size(cheetah, rng):
    assert count(HypogenNetwork(cheetah, HypogenConfig(), rng)) == 2_441_424


def test_embedding_is_the_published_one(rng):
    assert count(TaskEmbedding(1, 256, rng)) == 387_328


def test_a_preset_sets_defaults_and_gives_way_to_what_is_given():
    config = HypogenConfig(preset="published", num_steps=7, num_blocks=2)
    assert (config.code_width, config.num_steps, config.num_blocks) == (128, 7, 2)
    assert HypogenConfig.published() == HypogenConfig(preset="published")
    assert HypogenConfig.model_validate(config.model_dump()) == config
    with pytest.raises(ValidationError, match=r"default.*published"):
        HypogenConfig(preset="publisht")


def test_every_parameter_learns_but_those_that_nothing_uses(dimensions, rng):
    network = HypogenNetwork(dimensions, HypogenConfig(**SMALL, policy_depth=3), rng)
    layers = network(torch.tensor([[-1.0], [0.5]]))
    sum((tensor**2).sum() for layer in layers for tensor in layer).backward()
    without = {name for name, p in network.named_parameters() if p.grad is None}
    unused = ("0.jacobian_input", "2.output")  # d_0 and a_L
    assert without == {
        f"policy.blocks.{k}.{layer}.{kind}"
        for k in range(3)
        for layer in unused
        for kind in ("weight", "bias")
    }


def test_iterates_are_one_policy_a_block(dimensions, rng):
    network = HypogenNetwork(dimensions, HypogenConfig(**SMALL), rng)
    iterates = network.iterates(torch.zeros(2, 1))
    assert len(iterates) == 3
    assert torch.equal(iterates[-1][0][0], network(torch.zeros(2, 1))[0][0])
