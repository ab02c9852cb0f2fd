"""Adam, as torch computes it, without torch's optimizers.

The first ``torch.optim.Optimizer`` of a process imports ``torch._dynamo``, which compiles nothing
here and takes more than a second of every worker.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015; torch's defaults.

    Args:
        parameters: to be moved; their gradients are read where they have some.
        fused: whether one loop does it all: faster, other last bits.
        weight_decay: share of itself, times the learning rate, that every parameter loses in a
            step: decoupled, after Loshchilov and Hutter, ICLR 2019.
    """

    def __init__(
        self, parameters: Iterable[Tensor], *, fused: bool, weight_decay: float = 0.0
    ) -> None:
        self._parameters, self._fused = list(parameters), fused
        self._weight_decay = weight_decay
        self.averages: dict[int, dict[str, Tensor]] = {}
        """Steps, and averages of gradient and squared gradient, of each parameter moved."""

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    def step(self, learning_rate: float) -> None:
        """Move the parameters by their gradients."""
        moved = [
            (parameter, parameter.grad, self.averages.get(i) or self._begin(i, parameter))
            for i, parameter in enumerate(self._parameters)
            if parameter.grad is not None
        ]
        parameters = [parameter for parameter, _, _ in moved]
        with torch.no_grad():
            if self._weight_decay:
                torch._foreach_mul_(parameters, 1.0 - learning_rate * self._weight_decay)
            adam(
                parameters,
                [gradient for _, gradient, _ in moved],
                [averages["exp_avg"] for _, _, averages in moved],
                [averages["exp_avg_sq"] for _, _, averages in moved],
                [],
                [averages["step"] for _, _, averages in moved],
                fused=self._fused,
                amsgrad=False,
                beta1=0.9,
                beta2=0.999,
                lr=learning_rate,
                weight_decay=0.0,
                eps=1e-8,
                maximize=False,
            )

    def _begin(self, i: int, parameter: Tensor) -> dict[str, Tensor]:
        # Not before there are gradients: at the top of the heap, where nothing stays above them,
        # their memory would be given back and asked for again at every step.
        self.averages[i] = {
            "step": torch.zeros((), device=parameter.device if self._fused else None),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
        return self.averages[i]
