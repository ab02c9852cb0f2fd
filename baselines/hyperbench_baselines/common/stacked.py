"""Stacked networks, applied to a few tasks at a time: forwards and backwards."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import batched
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from hyperbench.policy import Activation

Layers = list[tuple[Tensor, Tensor]]
"""Networks of one shape, usually policies, one per task: per layer, weights
(num_tasks, num_in, num_out) and biases (num_tasks, num_out)."""

_SAMPLES_AT_ONCE = 1024
"""Hidden units of so many samples, 256 of each, are a megabyte and stay in a core's near cache."""

_ACTIVATIONS = {"relu": torch.relu_, "tanh": torch.tanh_}
