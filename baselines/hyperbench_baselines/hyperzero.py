"""HyperZero: a plain hypernetwork, one linear head per layer of the policy.

Rezaei-Shoshtari et al., "Hypernetworks for Zero-Shot Transfer in Reinforcement Learning",
AAAI 2023.

    z     = psi(M)                                  task embedding
    W_l   = H^W_l z + h^W_l                         weights of layer l, emitted at once
    b_l   = H^b_l z + h^b_l                         its biases

Heads of their own generate a second network, Q, from the same z, for the value and TD terms of the
loss (see ``common.critic``).

The heads' matrices start at U(+-0.05) for the first layer and U(+-0.008) for the last, their biases
at 0: published, and switched off in HyPoGen's comparison (``head_init=linear``).

Deviations from the paper:

- values are returns-to-go of the demonstrations, not estimates of the expert's own critic;
- layers between the first and the last, which the paper's policy does not have, start as the last;
- schedule, clipping and batches are those of every method here, see ``common``.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice
from hyperbench_baselines.common.config import LayerSizes
from hyperbench_baselines.common.critic import CriticConfig, CriticGenerator, CriticNetwork
from hyperbench_baselines.common.layers import uniform
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers
from hyperbench_baselines.matched import EmbeddingWidth, with_matched_width


class HyperzeroConfig(CriticConfig):
    """Hyper-parameters of HyperZero."""

    PRESETS: ClassVar = {"matched": {"embedding_width": "matched"}}
    SEARCH: ClassVar = {**CriticConfig.SEARCH, "embedding_width": Choice((64, 128, 256, 512))}
    LATER: ClassVar = CriticConfig.LATER | {"head_init"}

    preset: Literal["default", "matched"] = "default"
    """Where defaults come from: ours, or ours with HyPoGen's number of parameters."""
    learning_rate: float = Field(1.6e-4, gt=0)
    """Adam's learning rate until the decay; found by ``tune``."""
    weight_decay: float = Field(1e-3, ge=0)
    """Share of itself, times the learning rate, that every parameter loses in a step; found by
    ``tune``."""
    spec_scale: float = Field(2.1, gt=0)
    """Factor on what the network is shown of a spec; found by ``tune``."""
    embedding_width: EmbeddingWidth = 128
    """Length of the task embedding z, 256 in the authors' code; found by ``tune``. ``matched`` is
    the one that gives the network as many parameters as HyPoGen's default has."""
    head_init: Literal["published", "linear"] = "published"
    """How heads start: as published, or as in HyPoGen's comparison, where they are layers like any
    other: weights and biases U(+-1/sqrt(embedding_width))."""
    first_bound: float = Field(0.05, gt=0)
    """Bound of the initial weights of the first layer's heads."""
    last_bound: float = Field(0.008, gt=0)
    """Bound of the initial weights of the other layers' heads."""


class Heads(nn.Module):
    """All weights of a network of the given layers, linear in the embedding.

    A layer's two heads, for its weights and its biases, are one product.
    """

    def __init__(self, sizes: LayerSizes, config: HyperzeroConfig, rng: torch.Generator):
        super().__init__()
        self.sizes = sizes
        counts = [num_in * num_out + num_out for num_in, num_out in sizes]
        published = config.head_init == "published"
        bounds = [config.first_bound] + [config.last_bound] * (len(sizes) - 1)
        if not published:
            bounds = [config.embedding_width**-0.5] * len(sizes)
        self.weight = nn.ParameterList(
            uniform((count, config.embedding_width), bound, rng)
            for count, bound in zip(counts, bounds, strict=True)
        )
        self.bias = nn.ParameterList(
            nn.Parameter(torch.zeros(count)) if published else uniform((count,), bound, rng)
            for count, bound in zip(counts, bounds, strict=True)
        )

    def forward(self, embedding: Tensor) -> Layers:
        layers = []
        for (num_in, num_out), weight, bias in zip(self.sizes, self.weight, self.bias, strict=True):
            flat = functional.linear(embedding, weight, bias)
            weights, biases = flat.split((num_in * num_out, num_out), dim=-1)
            layers.append((weights.unflatten(-1, (num_in, num_out)), biases))
        return layers


class HyperzeroNetwork(CriticNetwork):
    """H: specs (num_tasks, shown_dim) -> policies, and Q networks if the loss needs them."""

    def __init__(self, dimensions: Dimensions, config: HyperzeroConfig, rng: torch.Generator):
        super().__init__(dimensions, config, rng, lambda sizes: Heads(sizes, config, rng))


class Hyperzero(CriticGenerator):
    """HyperZero, cloned."""

    Config: ClassVar[type[MethodConfig]] = HyperzeroConfig

    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        config = with_matched_width(self.config, dimensions, HyperzeroNetwork)
        return HyperzeroNetwork(dimensions, config, rng)
