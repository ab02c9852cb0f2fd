"""HyPoGen's descent: the blocks that turn an embedding into the weights of a network.

The equations and their names are in ``hypogen``. Everything here, the settings of ``DescentConfig``
included, is for the layers of any network: HyPoGen descends once to a policy and once to Q.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice, Range, SearchSpace
from hyperbench_baselines.common.config import LayerSizes
from hyperbench_baselines.common.layers import Linear, StackedLinear, uniform
from hyperbench_baselines.common.policies import Layers
from hyperbench_baselines.common.repeated import RepeatedLinear


class DescentConfig(MethodConfig):
    """Shape and sizes of a descent, among the hyper-parameters of the method that has one."""

    SEARCH: ClassVar[SearchSpace] = {
        "num_blocks": Range(1, 8),
        "code_width": Choice((16, 32, 64, 128)),
        "codec_width": Choice((32, 64, 128, 256)),
        "block_width": Choice((32, 64, 128, 256)),
    }

    num_blocks: int = Field(3, ge=1)
    """K, the number of descent steps."""
    structure: Literal["chain-rule", "flat"] = "chain-rule"
    """How a block comes by g: pseudo-forward and pseudo-backward, or one perceptron from z and all
    weight codes, with as many hidden units ("delta only")."""
    layer_norm: bool = True
    """Whether decoded updates are normalised (LN) before they are scaled by the step size."""
    step_size: Literal["learned", "predicted"] = "learned"
    """A block's step size: one learned number, or one for each spec, linear in z."""
    initial_step: float = -0.01
    """Where the blocks' step sizes start."""
    jacobian_product: Literal["direct", "slice"] = "direct"
    """How a Jacobian is multiplied by an error: as matrix and vector, or by a two-layer perceptron
    that takes one row of the Jacobian and the error, ``pseudo_width`` wide."""
    code_width: int = Field(32, ge=1)
    """Length of a weight code w_l."""
    codec_width: int = Field(64, ge=1)
    """Hidden units of the encoders and decoders."""
    block_width: int = Field(32, ge=1)
    """Hidden units of f and of the Jacobians' networks."""
    pseudo_width: int = Field(64, ge=1)
    """Length of a pseudo-activation a_l between layers."""
    embedding_width: int = Field(256, ge=4, multiple_of=4)
    """Length of the task embedding z."""


class Product(nn.Module):
    """Jacobian times error, as matrix and vector: ``jacobian_product="direct"``."""

    def forward(self, jacobian: Tensor, error: Tensor) -> Tensor:
        """(num_tasks, n, num_out) times (num_tasks, num_out) -> (num_tasks, n)."""
        return torch.bmm(jacobian, error.unsqueeze(-1)).squeeze(-1)


class SliceProduct(nn.Module):
    """A perceptron in the place of the scalar product of the error and each row of the Jacobian."""

    def __init__(self, num_out: int, hidden: int, rng: torch.Generator) -> None:
        super().__init__()
        self.first = Linear(2 * num_out, hidden, rng)
        self.last = Linear(hidden, 1, rng)

    def forward(self, jacobian: Tensor, error: Tensor) -> Tensor:
        """(num_tasks, n, num_out) and (num_tasks, num_out) -> (num_tasks, n)."""
        pairs = torch.cat([jacobian, error.unsqueeze(1).expand_as(jacobian)], dim=-1)
        product: Tensor = self.last(torch.relu(self.first(pairs))).squeeze(-1)
        return product


class PseudoLayer(nn.Module):
    """What one block believes of one layer: its output and the two Jacobians of its output.

    The three networks read the same input, so their first layers are one product.
    """

    def __init__(self, num_in: int, num_out: int, config: DescentConfig, rng: torch.Generator):
        super().__init__()
        code, hidden = config.code_width, config.block_width
        self.first = Linear(num_in + code, 3 * hidden, rng)
        self.output = Linear(hidden, num_out, rng)
        self.jacobian_input = Linear(hidden, num_in * num_out, rng)
        self.jacobian_code = Linear(hidden, code * num_out, rng)
        self.product_input, self.product_code = (
            Product()
            if config.jacobian_product == "direct"
            else SliceProduct(num_out, config.pseudo_width, rng)
            for _ in range(2)
        )

    def forward(self, activation: Tensor, code: Tensor) -> tuple[Tensor, ...]:
        """From a_(l-1) and w_l: the hidden units behind a_l, J^a_l and J^w_l."""
        inputs = torch.cat([activation, code], dim=-1)
        return torch.relu(self.first(inputs)).chunk(3, dim=-1)

    def backward_input(self, of_input: Tensor, error: Tensor) -> Tensor:
        """d_(l-1) from d_l: (num_tasks, num_out) -> (num_tasks, num_in)."""
        return self._times(self.product_input, self.jacobian_input(of_input), error)

    def backward_code(self, of_code: Tensor, error: Tensor) -> Tensor:
        """g_l from d_l: (num_tasks, num_out) -> (num_tasks, code_width)."""
        return self._times(self.product_code, self.jacobian_code(of_code), error)

    def _times(self, product: nn.Module, jacobian: Tensor, error: Tensor) -> Tensor:
        result: Tensor = product(jacobian.unflatten(-1, (-1, error.shape[-1])), error)
        return result


class ChainRule(nn.Module):
    """g^k of all blocks by pseudo-forward and pseudo-backward."""

    def __init__(self, sizes: LayerSizes, config: DescentConfig, rng: torch.Generator):
        super().__init__()
        num_blocks, hidden = config.num_blocks, config.block_width
        # f_in and f_loss see z alone, so those of all blocks are computed at once.
        self.ends_first = Linear(config.embedding_width, 2 * num_blocks * hidden, rng)
        self.start_last = StackedLinear(num_blocks, hidden, sizes[0][0], rng)
        self.loss_last = StackedLinear(num_blocks, hidden, sizes[-1][1], rng)
        between = (config.pseudo_width,) * (len(sizes) - 1)
        widths = (sizes[0][0], *between, sizes[-1][1])
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                PseudoLayer(num_in, num_out, config, rng) for num_in, num_out in pairwise(widths)
            )
            for _ in range(num_blocks)
        )

    def forward(self, embedding: Tensor) -> list[Callable[[Tensor], Tensor]]:
        """Make for each block a function from w (num_layers, num_tasks, code_width) to g."""
        hidden = torch.relu(self.ends_first(embedding))
        # (num_tasks, 2 * num_blocks * width) -> (2, num_blocks, num_tasks, width)
        of_start, of_loss = hidden.unflatten(-1, (2, len(self.blocks), -1)).permute(1, 2, 0, 3)
        starts, errors = self.start_last(of_start), self.loss_last(of_loss)
        return [
            lambda codes, ends=ends: _gradients(*ends, codes)
            for ends in zip(self.blocks, starts, errors, strict=True)
        ]


def _gradients(block: nn.ModuleList, start: Tensor, error: Tensor, codes: Tensor) -> Tensor:
    """Run a block forwards from a_0 and backwards from d_L."""
    activation, memory = start, []
    for i, (layer, code) in enumerate(zip(block, codes, strict=True)):
        of_output, of_input, of_code = layer(activation, code)
        memory.append((layer, of_input, of_code))
        if i < len(block) - 1:
            activation = layer.output(of_output)
    gradients = []
    for i, (layer, of_input, of_code) in reversed(list(enumerate(memory))):
        gradients.append(layer.backward_code(of_code, error))
        if i > 0:
            error = layer.backward_input(of_input, error)
    return torch.stack(gradients[::-1])


class Flat(nn.Module):
    """g^k of all blocks by one perceptron each, from z and all w at once: ``structure="flat"``.

    It has as many hidden units as a block's networks by the chain rule have together.
    """

    def __init__(self, sizes: LayerSizes, config: DescentConfig, rng: torch.Generator):
        super().__init__()
        num_codes = len(sizes) * config.code_width
        hidden = (3 * len(sizes) + 2) * config.block_width
        self.blocks = nn.ModuleList(
            nn.Sequential(
                Linear(config.embedding_width + num_codes, hidden, rng),
                nn.ReLU(),
                Linear(hidden, num_codes, rng),
            )
            for _ in range(config.num_blocks)
        )

    def forward(self, embedding: Tensor) -> list[Callable[[Tensor], Tensor]]:
        """Make for each block a function from w (num_layers, num_tasks, code_width) to g."""

        def gradients(block: nn.Module, codes: Tensor) -> Tensor:
            flat: Tensor = block(torch.cat([embedding, *codes], dim=-1))
            return torch.stack(flat.chunk(len(codes), dim=-1))

        return [lambda codes, block=block: gradients(block, codes) for block in self.blocks]


class PseudoDescent(nn.Module):
    """K blocks that turn an embedding into the weights of a network of the given layers."""

    def __init__(self, sizes: LayerSizes, config: DescentConfig, rng: torch.Generator):
        super().__init__()
        self.sizes = sizes
        counts = [num_in * num_out + num_out for num_in, num_out in sizes]
        code, codec, num_layers = config.code_width, config.codec_width, len(sizes)

        # theta^0 starts as an ordinary linear layer does.
        self.theta = nn.ParameterList(
            uniform((1, count), num_in**-0.5, rng)
            for count, (num_in, _) in zip(counts, sizes, strict=True)
        )
        # The codecs' inner layers have one shape for all layers of the policy.
        self.encode_first = nn.ModuleList(RepeatedLinear(count, codec, rng) for count in counts)
        self.encode_last = StackedLinear(num_layers, codec, code, rng)
        self.decode_first = StackedLinear(num_layers, code, codec, rng)
        self.decode_last = nn.ModuleList(RepeatedLinear(codec, count, rng) for count in counts)
        self.layer_norm = config.layer_norm
        if config.layer_norm:
            self.norm_scale = nn.ParameterList(torch.ones(count) for count in counts)
            self.norm_shift = nn.ParameterList(torch.zeros(count) for count in counts)
        self.steps = nn.Parameter(torch.full((config.num_blocks, 1), config.initial_step))
        # Zero at first, so that steps start alike for all specs.
        slope = torch.zeros(config.num_blocks, config.embedding_width)
        self.step_slope = nn.Parameter(slope) if config.step_size == "predicted" else None
        structure = ChainRule if config.structure == "chain-rule" else Flat
        self.gradient = structure(sizes, config, rng)

    def forward(self, embedding: Tensor) -> list[Layers]:
        """(num_tasks, embedding_width) -> theta^1..theta^K, each as layers."""
        theta = list(self.theta)
        encode = [layer.open() for layer in self.encode_first]
        decode = [layer.open() for layer in self.decode_last]
        steps = self.steps  # (num_blocks, 1) or, one for each task, (num_blocks, num_tasks)
        if self.step_slope is not None:
            steps = torch.addmm(steps, self.step_slope, embedding.t())
        iterates = []
        for gradient, step in zip(self.gradient(embedding), steps, strict=True):
            hidden = [first(flat) for first, flat in zip(encode, theta, strict=True)]
            codes = self.encode_last(torch.relu(torch.stack(hidden)))
            # theta^0 has one row for all tasks; from the first update on there is one for each.
            latent = gradient(codes.expand(-1, len(embedding), -1))
            hidden = torch.relu(self.decode_first(latent))
            updates = [last(rows) for last, rows in zip(decode, hidden, strict=True)]
            theta = [
                torch.addcmul(flat, step.unsqueeze(-1), self._normed(layer, update))
                for layer, (flat, update) in enumerate(zip(theta, updates, strict=True))
            ]
            iterates.append(self._layers(theta))
        return iterates

    def _normed(self, layer: int, update: Tensor) -> Tensor:
        """LN over each whole weight matrix and bias vector: (num_tasks, count)."""
        if not self.layer_norm:
            return update
        num_in, num_out = self.sizes[layer]
        parts = zip(
            *(
                flat.split((num_in * num_out, num_out), dim=-1)
                for flat in (update, self.norm_scale[layer], self.norm_shift[layer])
            ),
            strict=True,
        )
        return torch.cat([functional.layer_norm(u, u.shape[-1:], s, b) for u, s, b in parts], -1)

    def _layers(self, theta: list[Tensor]) -> Layers:
        """Cut flat weights (num_tasks, count) into matrices and biases."""
        layers = []
        for flat, (num_in, num_out) in zip(theta, self.sizes, strict=True):
            weight, bias = flat.split((num_in * num_out, num_out), dim=-1)
            layers.append((weight.unflatten(-1, (num_in, num_out)), bias))
        return layers
