"""The course of a fit: all that changes while a network is fitted, to be kept and restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hyperbench.generator import FitState
from hyperbench_baselines.common.adam import Adam

_NETWORK, _BEST, _OPTIMIZER, _RNG, _RECENT = "network.", "best.", "optimizer.", "rng.", "recent"


class Course:
    """How far a fit has come.

    Args:
        network: that is fitted.
        optimizer: of all its parameters.
        rngs: what random numbers are drawn from.
        num_steps: of the whole fit.
    """

    def __init__(
        self,
        network: nn.Module,
        optimizer: Adam,
        rngs: Sequence[torch.Generator],
        num_steps: int,
    ) -> None:
        self._network, self._optimizer, self._rngs = network, optimizer, rngs
        self.step = 0
        """Steps done."""
        self.curve: list[tuple[int, float, float | None]] = []
        """As in the report: what each check found."""
        self.best: tuple[float, int, dict[str, Tensor]] | None = None
        """Validation loss, step and weights; None before any are chosen."""
        device = next(network.parameters()).device
        self.losses_and_norms = torch.zeros(2, num_steps, device=device)
        """(2, num_steps): training loss and norm of the gradient; restored from the last check."""

    @property
    def last_check(self) -> int:
        """Step of the last check; 0 before the first."""
        return self.curve[-1][0] if self.curve else 0

    def weights(self) -> dict[str, Tensor]:
        """Copy the network's weights."""
        return {name: value.clone() for name, value in self._network.state_dict().items()}

    def state(self) -> FitState:
        """Describe the course up to now; arrays on the CPU are views."""
        tensors = {
            **_prefixed(_NETWORK, self._network.state_dict()),
            **_prefixed(_BEST, {} if self.best is None else self.best[2]),
            **{f"{_RNG}{i}": rng.get_state() for i, rng in enumerate(self._rngs)},
            _RECENT: self.losses_and_norms[:, self.last_check : self.step],
        }
        for i, averages in self._optimizer.averages.items():
            tensors |= _prefixed(f"{_OPTIMIZER}{i}.", averages)
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        best = None if self.best is None else self.best[:2]
        return FitState(arrays, {"step": self.step, "curve": self.curve, "best": best})

    def restore(self, state: FitState) -> None:
        """Go back to where ``state`` was made; network and optimiser must be as at the start."""
        tensors = {name: torch.tensor(array) for name, array in state.arrays.items()}
        self._network.load_state_dict(dict(_below(_NETWORK, tensors)))
        for name, tensor in _below(_OPTIMIZER, tensors):
            index, _, average = name.partition(".")
            averages = self._optimizer.averages.setdefault(int(index), {})
            averages[average] = tensor.to(self.losses_and_norms.device)
        for i, rng in enumerate(self._rngs):
            rng.set_state(tensors[f"{_RNG}{i}"])
        self.step = state.json["step"]
        self.curve = [(step, loss, held_out) for step, loss, held_out in state.json["curve"]]
        if state.json["best"] is not None:
            loss, step = state.json["best"]
            self.best = (loss, step, dict(_below(_BEST, tensors)))
        self.losses_and_norms[:, self.last_check : self.step] = tensors[_RECENT]


def _prefixed(prefix: str, named: Mapping[str, Any]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in named.items()}


def _below(prefix: str, named: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """What is named with a prefix, by the rest of its name."""
    for name, tensor in named.items():
        if name.startswith(prefix):
            yield name.removeprefix(prefix), tensor
