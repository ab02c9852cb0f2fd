"""HyPoGen: a hypernetwork whose structure is that of gradient descent.

Ren et al., "Optimization-Biased Hypernetworks for Generalizable Policy Generation", ICLR 2025.

A spec M becomes the weights theta of a policy in K steps that look like descent on a loss nobody
computes, because a target task has no data:

    z       = psi(M)                                              task embedding
    theta^k = theta^(k-1) + step_k * LN(Dec(g^k)),                k = 1..K; theta^0 learned, shared

The "gradient" g^k obeys the chain rule of the policy's layers l = 1..L:

    w_l     = Enc_l(theta_l)                                      weight code
    a_0     = f_in(z),  a_l = f_l(a_(l-1), w_l)                   pseudo-forward
    d_L     = f_loss(z)                                           pseudo-loss
    d_(l-1) = J^a_l(a_(l-1), w_l) d_l                             pseudo-backward
    g_l     = J^w_l(a_(l-1), w_l) d_l                             latent update, decoded by Dec_l

f and the Jacobians J are two-layer perceptrons, each block with its own; Enc and Dec are two-layer
perceptrons shared by the blocks. LN normalises each whole weight matrix and each bias vector, and
has affine parameters of that shape, shared by the blocks.

Deviations from the paper:

- the loss is that of the actions alone; no second network for Q is generated yet;
- the learning rate falls linearly after 60 % of the steps instead of by half at 1500, 1800 and 1900
  of 2000 epochs, the gradient's norm is clipped at 1, and batches are drawn per task;
- the last layer of the policy is linear before its tanh, as written in the paper (one released
  version puts the hidden activation there, which makes negative actions impossible);
- the default is smaller than the published size, which ``preset=published`` gives.

As published, each block owns an f_L and a J^a_1 although nothing uses a_L and d_0. Their parameters
are kept, so that sizes compare with published ones; they are not computed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hyperbench.generator import MethodConfig
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.config import LayerSizes, LearningConfig
from hyperbench_baselines.common.layers import Linear, StackedLinear, TaskEmbedding, uniform
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.policies import Layers, cloning_loss


class HypogenConfig(LearningConfig):
    """Hyper-parameters of HyPoGen."""

    PRESETS: ClassVar = {
        "published": {
            "num_blocks": 8,
            "code_width": 128,
            "codec_width": 256,
            "block_width": 128,
            "learning_rate": 5e-4,
        },
    }

    preset: Literal["default", "published"] = "default"
    """Where defaults come from: ours, or the paper's sizes and learning rate."""
    num_blocks: int = Field(4, ge=1)
    """K, the number of descent steps."""
    code_width: int = Field(32, ge=1)
    """Length of a weight code w_l."""
    codec_width: int = Field(64, ge=1)
    """Hidden units of the encoders and decoders."""
    block_width: int = Field(64, ge=1)
    """Hidden units of f and of the Jacobians' networks."""
    pseudo_width: int = Field(64, ge=1)
    """Length of a pseudo-activation a_l between layers."""
    embedding_width: int = Field(256, ge=4, multiple_of=4)
    """Length of the task embedding z."""
    initial_step: float = -0.01
    """Where the blocks' learned step sizes start."""

    @classmethod
    def published(cls, **overrides: Any) -> HypogenConfig:
        """Make the configuration of the published size."""
        return cls(preset="published", **overrides)


class PseudoLayer(nn.Module):
    """What one block believes of one layer: its output and the two Jacobians of its output.

    The three networks read the same input, so their first layers are one product.
    """

    def __init__(self, num_in: int, num_out: int, config: HypogenConfig, rng: torch.Generator):
        super().__init__()
        code, hidden = config.code_width, config.block_width
        self.first = Linear(num_in + code, 3 * hidden, rng)
        self.output = Linear(hidden, num_out, rng)
        self.jacobian_input = Linear(hidden, num_in * num_out, rng)
        self.jacobian_code = Linear(hidden, code * num_out, rng)

    def forward(self, activation: Tensor, code: Tensor) -> tuple[Tensor, ...]:
        """From a_(l-1) and w_l: the hidden units behind a_l, J^a_l and J^w_l."""
        inputs = torch.cat([activation, code], dim=-1)
        return torch.relu(self.first(inputs)).chunk(3, dim=-1)

    def backward_input(self, of_input: Tensor, error: Tensor) -> Tensor:
        """d_(l-1) from d_l: (num_tasks, num_out) -> (num_tasks, num_in)."""
        return _product(self.jacobian_input(of_input), error)

    def backward_code(self, of_code: Tensor, error: Tensor) -> Tensor:
        """g_l from d_l: (num_tasks, num_out) -> (num_tasks, code_width)."""
        return _product(self.jacobian_code(of_code), error)


def _product(jacobian: Tensor, error: Tensor) -> Tensor:
    """(num_tasks, n * num_out) as n x num_out matrices, times (num_tasks, num_out)."""
    matrices = jacobian.unflatten(-1, (-1, error.shape[-1]))
    return torch.bmm(matrices, error.unsqueeze(-1)).squeeze(-1)


class PseudoDescent(nn.Module):
    """K blocks that turn an embedding into the weights of a network of the given layers."""

    def __init__(self, sizes: LayerSizes, config: HypogenConfig, rng: torch.Generator):
        super().__init__()
        self.sizes = sizes
        counts = [num_in * num_out + num_out for num_in, num_out in sizes]
        num_layers, num_blocks = len(sizes), config.num_blocks
        code, codec, hidden = config.code_width, config.codec_width, config.block_width

        # theta^0 starts as an ordinary linear layer does.
        self.theta = nn.ParameterList(
            uniform((1, count), num_in**-0.5, rng)
            for count, (num_in, _) in zip(counts, sizes, strict=True)
        )
        # The codecs' inner layers have one shape for all layers of the policy.
        self.encode_first = nn.ModuleList(Linear(count, codec, rng) for count in counts)
        self.encode_last = StackedLinear(num_layers, codec, code, rng)
        self.decode_first = StackedLinear(num_layers, code, codec, rng)
        self.decode_last = nn.ModuleList(Linear(codec, count, rng) for count in counts)
        self.norm_scale = nn.ParameterList(torch.ones(count) for count in counts)
        self.norm_shift = nn.ParameterList(torch.zeros(count) for count in counts)
        self.steps = nn.Parameter(torch.full((num_blocks,), config.initial_step))

        # f_in and f_loss see z alone, so those of all blocks are computed at once.
        self.ends_first = Linear(config.embedding_width, 2 * num_blocks * hidden, rng)
        self.start_last = StackedLinear(num_blocks, hidden, sizes[0][0], rng)
        self.loss_last = StackedLinear(num_blocks, hidden, sizes[-1][1], rng)
        between = (config.pseudo_width,) * (num_layers - 1)
        widths = (sizes[0][0], *between, sizes[-1][1])
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                PseudoLayer(num_in, num_out, config, rng) for num_in, num_out in pairwise(widths)
            )
            for _ in range(num_blocks)
        )

    def forward(self, embedding: Tensor) -> list[Layers]:
        """theta^1..theta^K from z (num_tasks, embedding_width)."""
        starts, errors = self._ends(embedding)
        theta: list[Tensor] = list(self.theta)
        iterates = []
        for block, start, error, step in zip(self.blocks, starts, errors, self.steps, strict=True):
            # theta^0 has one row for all tasks; from the first update on there is one for each.
            codes = self._encode(theta).expand(-1, len(embedding), -1)
            updates = self._decode(_latent_updates(block, start, error, codes))
            theta = [
                weights + step * update for weights, update in zip(theta, updates, strict=True)
            ]
            iterates.append(self._layers(theta))
        return iterates

    def _ends(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """a_0 (num_blocks, num_tasks, num_in) and d_L (num_blocks, num_tasks, num_out)."""
        hidden = torch.relu(self.ends_first(embedding))
        # (num_tasks, 2 * num_blocks * width) -> (2, num_blocks, num_tasks, width)
        of_start, of_loss = hidden.unflatten(-1, (2, len(self.blocks), -1)).permute(1, 2, 0, 3)
        return self.start_last(of_start), self.loss_last(of_loss)

    def _encode(self, theta: list[Tensor]) -> Tensor:
        """Per layer (num_rows, count) -> w (num_layers, num_rows, code_width)."""
        hidden = [first(flat) for first, flat in zip(self.encode_first, theta, strict=True)]
        codes: Tensor = self.encode_last(torch.relu(torch.stack(hidden)))
        return codes

    def _decode(self, gradients: Tensor) -> list[Tensor]:
        """LN(Dec(g)): (num_layers, num_tasks, code_width) -> per layer (num_tasks, count)."""
        hidden = torch.relu(self.decode_first(gradients))
        updates = []
        for layer, (num_in, num_out) in enumerate(self.sizes):
            tensors = (num_in * num_out, num_out)
            parts = zip(
                self.decode_last[layer](hidden[layer]).split(tensors, dim=-1),
                self.norm_scale[layer].split(tensors),
                self.norm_shift[layer].split(tensors),
                strict=True,
            )
            normed = [functional.layer_norm(u, u.shape[-1:], s, b) for u, s, b in parts]
            updates.append(torch.cat(normed, dim=-1))
        return updates

    def _layers(self, theta: list[Tensor]) -> Layers:
        """Cut flat weights (num_tasks, count) into matrices and biases."""
        layers = []
        for flat, (num_in, num_out) in zip(theta, self.sizes, strict=True):
            weight, bias = flat.split((num_in * num_out, num_out), dim=-1)
            layers.append((weight.unflatten(-1, (num_in, num_out)), bias))
        return layers


def _latent_updates(block: Any, start: Tensor, error: Tensor, codes: Tensor) -> Tensor:
    """Run a block forwards and backwards: g (num_layers, num_tasks, code_width)."""
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


class HypogenNetwork(nn.Module):
    """H: specs (num_tasks, num_features) -> policies."""

    def __init__(self, dimensions: Dimensions, config: HypogenConfig, rng: torch.Generator):
        super().__init__()
        sizes = config.policy_sizes(dimensions.observation_dim, dimensions.action_dim)
        self.embedding = TaskEmbedding(dimensions.num_features, config.embedding_width, rng)
        self.policy = PseudoDescent(sizes, config, rng)

    def forward(self, specs: Tensor) -> Layers:
        return self.iterates(specs)[-1]

    def iterates(self, specs: Tensor) -> list[Layers]:
        """theta^1..theta^K; the last is the policy."""
        iterates: list[Layers] = self.policy(self.embedding(specs))
        return iterates


class Hypogen(LearnedGenerator):
    """HyPoGen with the action loss."""

    Config: ClassVar[type[MethodConfig]] = HypogenConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        return HypogenNetwork(dimensions, self.config, rng)

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """MSE of the actions of theta^K, averaged over tasks and samples."""
        return cloning_loss(network(batch.specs), batch, self.config.policy_activation)
