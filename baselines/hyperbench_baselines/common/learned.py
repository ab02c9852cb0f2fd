"""What every method does around its network: fit, generate, save, load."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import DataError, NotFittedError
from hyperbench.generator import (
    Checkpoint,
    FitReport,
    MethodConfig,
    PolicyGenerator,
    Progress,
    no_checkpoint,
    no_progress,
)
from hyperbench.policy import MLPPolicies
from hyperbench.seeding import child_seed
from hyperbench.task import TaskSpec
from hyperbench_baselines.common.batches import Batch, TaskData
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.common.fitting import fit_network
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.common.policies import Layers, to_policies
from hyperbench_baselines.common.values import Valuation, reward_unit

_ARRAYS = "generator.safetensors"
_DESCRIPTION = "generator.json"
_NORMALIZER_PREFIX = "normalizer."
_NETWORK_PREFIX = "network."

Stages = Callable[[nn.Module, Tensor, TaskSpec], list[Layers]]
"""(network, shown spec (1, shown_dim), spec) -> the task's policy at each stage."""


@dataclass(frozen=True)
class Dimensions:
    """What a network must know of a family and its source tasks before it is built.

    Args:
        shown_dim: length of a spec as it is shown, see ``SpecSpace.present``.
        observation_dim: length of an observation.
        action_dim: length of an action.
        source_specs: shown specs of the source tasks, for methods that keep something per task.
        reward_unit: root mean square of the source tasks' rewards, for methods that read rewards.
    """

    shown_dim: int
    observation_dim: int
    action_dim: int
    source_specs: Sequence[Sequence[float]] = ()
    reward_unit: float = 1.0


class LearnedGenerator(PolicyGenerator):
    """A network that maps specs to policies, fitted by gradient descent.

    A method adds its ``Config``, its network and its loss.
    """

    Config: ClassVar[type[MethodConfig]] = LearningConfig
    Data: ClassVar[type[TaskData]] = TaskData
    """What batches are drawn from."""
    resumable = True

    def __init__(self, config: MethodConfig | None = None) -> None:
        super().__init__(config)
        self._dimensions: Dimensions | None = None
        self._normalizer: Normalizer | None = None
        self._network: nn.Module | None = None

    @abstractmethod
    def build(self, dimensions: Dimensions, rng: torch.Generator) -> nn.Module:
        """Make the network, its initial weights drawn from ``rng``.

        The network maps specs (num_tasks, shown_dim) to ``Layers``. It may go on drawing from
        ``rng`` while it is fitted; whatever else is not in its ``state_dict`` must not change, for
        a fit that is interrupted goes on without it.
        """

    @abstractmethod
    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Compute what the fit minimises, a scalar."""

    def validation_loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Compute what weights are chosen by, on validation tasks; the loss, where not said."""
        return self.loss(network, batch)

    def valuation(self, demonstrations: Demonstrations) -> Valuation | None:  # noqa: ARG002
        """Say how steps are valued, if the loss needs batches with transitions."""
        return None

    def fit(
        self,
        demonstrations: Demonstrations,
        *,
        validation: Demonstrations | None,
        seed: int,
        device: str = "cpu",
        progress: Progress = no_progress,
        checkpoint: Checkpoint = no_checkpoint,
    ) -> FitReport:
        place = torch.device(device)
        shown = self.config.present(demonstrations.specs)
        dimensions = Dimensions(
            demonstrations.specs[0].space.shown_dim,
            demonstrations.observation_dim,
            demonstrations.action_dim,
            shown.tolist(),
            reward_unit(demonstrations),
        )
        normalizer = Normalizer.of(demonstrations, raw=self.config.observations == "raw")
        networks_rng = _rng(seed, "initialisation")
        network = self.build(dimensions, networks_rng).to(place)
        report = fit_network(
            network,
            lambda batch: self.loss(network, batch),
            self.Data(demonstrations, normalizer, place, self.valuation(demonstrations), shown),
            None
            if validation is None
            else self.Data(
                validation, normalizer, place, specs=self.config.present(validation.specs)
            ),
            self.config,
            _rng(seed, "batches"),
            progress,
            validation_loss=lambda batch: self.validation_loss(network, batch),
            checkpoint=checkpoint,
            other_rngs=[networks_rng],
        )
        self._dimensions, self._normalizer, self._network = dimensions, normalizer, network.cpu()
        return report

    def generate(
        self,
        specs: Sequence[TaskSpec],
        support: Demonstrations | None = None,  # noqa: ARG002 - methods here are zero-shot
    ) -> MLPPolicies:
        [policies] = self.generate_stages(specs, lambda network, vector, _: [network(vector)])
        return policies

    def generate_stages(self, specs: Sequence[TaskSpec], stages: Stages) -> list[MLPPolicies]:
        """Generate policies in any number of stages.

        Args:
            specs: of the tasks.
            stages: called once per task; what else a task's policy follows from, such as support,
                is found by the spec.

        Returns:
            For each stage one policy per spec, in the order of ``specs``.

        Raises:
            NotFittedError: neither ``fit`` nor ``load`` was called before.
            FloatingPointError: a weight is not finite.
        """
        if self._network is None or self._normalizer is None:
            raise NotFittedError(self)
        with torch.no_grad():
            # One spec at a time: a product over more rows rounds differently, and a policy must
            # not depend, not even in its last bit, on the specs it is generated beside.
            each = [
                stages(self._network, torch.from_numpy(self.config.present([spec])), spec)
                for spec in specs
            ]
            policies = []
            for stage in zip(*each, strict=True):
                layers = [
                    (torch.cat([w for w, _ in layer]), torch.cat([b for _, b in layer]))
                    for layer in zip(*stage, strict=True)
                ]
                stacked = to_policies(layers, self._normalizer, self.config.policy_activation)
                stacked.refuse_non_finite(specs)
                policies.append(stacked)
        return policies

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
        (path / _DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")

    def load(self, path: Path) -> None:
        before = self.config
        try:
            description = json.loads((path / _DESCRIPTION).read_text(encoding="utf-8"))
            if description["kind"] != type(self).__name__:
                raise DataError(
                    f"{path} holds a {description['kind']}, not a {type(self).__name__}. "
                    f"Load it with the method that saved it."
                )
            config = self.Config.model_validate(description["config"])
            sizes = description["dimensions"]
            if "num_features" in sizes:  # as it was called when each feature was one number
                sizes["shown_dim"] = sizes.pop("num_features")
            dimensions = Dimensions(**sizes)
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
        except DataError:
            raise
        except Exception as error:  # each kind of damage has its own
            self.config = before
            raise DataError(f"{path} does not hold a {type(self).__name__}: {error}") from error
        self._dimensions, self._normalizer, self._network = dimensions, normalizer, network


def _rng(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(child_seed(seed, purpose))
