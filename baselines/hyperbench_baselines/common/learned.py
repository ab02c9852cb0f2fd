"""What every method does around its network: fit, generate, save, load."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import DataError, NotFittedError
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator, Progress, no_progress
from hyperbench.policy import MLPPolicies
from hyperbench.seeding import child_seed
from hyperbench.task import TaskSpec
from hyperbench_baselines.common.batches import Batch, TaskData
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.fitting import fit_network
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.policies import Layers, to_policies

_ARRAYS = "generator.safetensors"
_DESCRIPTION = "generator.json"
_NORMALIZER_PREFIX = "normalizer."
_NETWORK_PREFIX = "network."


@dataclass(frozen=True)
class Dimensions:
    """What a network must know of a family: how long specs, observations and actions are."""

    num_features: int
    observation_dim: int
    action_dim: int


class LearnedGenerator(PolicyGenerator):
    """A network that maps specs to policies, fitted by gradient descent.

    A method adds its ``Config``, its network and its loss.
    """

    Config: ClassVar[type[MethodConfig]] = LearningConfig

    def __init__(self, config: MethodConfig | None = None) -> None:
        super().__init__(config)
        self._dimensions: Dimensions | None = None
        self._normalizer: Normalizer | None = None
        self._network: nn.Module | None = None

    @abstractmethod
    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        """Make the network, its initial weights drawn from ``rng``.

        The network maps specs (num_tasks, num_features) to ``Layers``.
        """

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Compute what the fit minimises, a scalar."""

    def fit(
        self,
        demonstrations: Demonstrations,
        *,
        validation: Demonstrations | None,
        seed: int,
        device: str = "cpu",
        progress: Progress = no_progress,
    ) -> FitReport:
        place = torch.device(device)
        dimensions = Dimensions(
            len(demonstrations.specs[0].space),
            demonstrations.observation_dim,
            demonstrations.action_dim,
        )
        normalizer = Normalizer.of(demonstrations)
        network = self.build(dimensions, _rng(seed, "initialisation")).to(place)
        report = fit_network(
            network,
            lambda batch: self.loss(network, batch),
            TaskData(demonstrations, normalizer, place),
            None if validation is None else TaskData(validation, normalizer, place),
            self.config,
            _rng(seed, "batches"),
            progress,
        )
        self._dimensions, self._normalizer, self._network = dimensions, normalizer, network.cpu()
        return report

    def generate(
        self,
        specs: Sequence[TaskSpec],
        support: Demonstrations | None = None,  # noqa: ARG002 - methods here are zero-shot
    ) -> MLPPolicies:
        if self._network is None or self._normalizer is None:
            raise NotFittedError(self)
        with torch.no_grad():
            # One spec at a time: a product over more rows rounds differently, and a policy must
            # not depend, not even in its last bit, on the specs it is generated beside.
            each: list[Layers] = [
                self._network(torch.tensor(spec.vector).unsqueeze(0)) for spec in specs
            ]
            layers = [
                (torch.cat([w for w, _ in layer]), torch.cat([b for _, b in layer]))
                for layer in zip(*each, strict=True)
            ]
        return to_policies(layers, self._normalizer, self.config.policy_activation)

    def save(self, path: Path) -> None:
        if self._network is None or self._normalizer is None or self._dimensions is None:
            raise NotFittedError(self)
        path.mkdir(parents=True, exist_ok=True)
        tensors = {_NETWORK_PREFIX + k: v for k, v in self._network.state_dict().items()}
        arrays = self._normalizer.to_arrays().items()
        tensors |= {_NORMALIZER_PREFIX + k: torch.from_numpy(v) for k, v in arrays}
        save_file(tensors, path / _ARRAYS)
        description = {
            "kind": type(self).__name__,
            "config": self.config.model_dump(mode="json"),
            "dimensions": asdict(self._dimensions),
        }
        (path / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")

    def load(self, path: Path) -> None:
        before = self.config
        try:
            description = json.loads((path / _DESCRIPTION).read_text())
            if description["kind"] != type(self).__name__:
                raise DataError(
                    f"{path} holds a {description['kind']}, not a {type(self).__name__}. "
                    f"Load it with the method that saved it."
                )
            config = self.Config.model_validate(description["config"])
            dimensions = Dimensions(**description["dimensions"])
            tensors = load_file(path / _ARRAYS)
            normalizer = Normalizer(
                **{
                    name: tensors.pop(_NORMALIZER_PREFIX + name).numpy()
                    for name in Normalizer.names()
                }
            )
            self.config = config
            network = self.build(dimensions, _rng(0, "initialisation"))
            network.load_state_dict(
                {name.removeprefix(_NETWORK_PREFIX): tensor for name, tensor in tensors.items()}
            )
        except _UNREADABLE as error:
            self.config = before
            raise DataError(f"{path} does not hold a {type(self).__name__}: {error}") from error
        self._dimensions, self._normalizer, self._network = dimensions, normalizer, network


_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    SafetensorError,
    ValidationError,
)


def _rng(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(child_seed(seed, purpose))
