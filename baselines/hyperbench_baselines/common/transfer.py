"""The way of numbers from the CPU, where they are drawn, to where the fit is."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the CPU to a device; a GPU is not waited for.

    Args:
        tensor: of any shape, which nobody changes afterwards.
        device: where it is needed; the CPU gets the tensor itself.
    """
    if device.type == "cuda":
        # From ordinary memory a copy ends the queue of what the GPU still has to do.
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
