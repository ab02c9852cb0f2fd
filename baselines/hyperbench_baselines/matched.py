"""Baselines of HyPoGen's size, so that a comparison with it is not one of sizes.

How many parameters HyPoGen has depends on how long a family's observations and actions are, and so
does the width that gives another method as many; it is found when the network is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import nn

from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.hypogen import HypogenConfig, HypogenNetwork

EmbeddingWidth = Annotated[int, Field(ge=4, multiple_of=4)] | Literal["matched"]
"""Length of the task embedding; what ``matched`` stands for, ``with_matched_width`` finds."""

_WIDTHS = range(4, 1025, 4)

Config = TypeVar("Config", bound=LearningConfig)
Network = Callable[[Dimensions, Config, torch.Generator], nn.Module]


def with_matched_width(config: Config, dimensions: Dimensions, network: Network[Config]) -> Config:
    """Put a number in the place of an ``embedding_width`` that is ``matched``.

    Args:
        config: of the method.
        dimensions: of the family.
        network: the method's.

    Returns:
        The configuration with the width, a multiple of four, with which the whole network comes
        nearest to the number of parameters of HyPoGen's default for the same policy.
    """
    if getattr(config, "embedding_width", None) != "matched":
        return config

    def sized(width: int) -> Config:
        return config.model_copy(update={"embedding_width": width})

    def count(width: int) -> int:
        return _num_parameters(network(dimensions, sized(width), torch.Generator()))

    hypogen = HypogenConfig(policy_width=config.policy_width, policy_depth=config.policy_depth)
    goal = _num_parameters(HypogenNetwork(dimensions, hypogen, torch.Generator()))
    # Layers have the width on one side or on both, so the size of a network is quadratic in it, and
    # three small networks tell that of all.
    probes = _WIDTHS[:3]
    size = np.polynomial.Polynomial.fit(probes, [count(width) for width in probes], deg=2)
    return sized(min(_WIDTHS, key=lambda width: abs(size(width) - goal)))


def _num_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
