"""Hyper-parameters every learned method has, with the same defaults: an equal budget for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice, Range, SearchSpace
from hyperbench.task import FloatArray, TaskSpec, spec_matrix

LayerSizes = tuple[tuple[int, int], ...]


class LearningConfig(MethodConfig):
    """The policy that is generated, and the schedule of the fit.

    A subclass may name presets in ``PRESETS`` and declare a field ``preset``; the preset's values
    then replace the defaults of the fields that are not given. ``POLICIES`` is the same for the
    field ``policy``, which every method has.
    """

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    POLICIES: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "manipulation": {"policy_depth": 3, "policy_activation": "tanh"}
    }
    SEARCH: ClassVar[SearchSpace] = {
        "learning_rate": Range(3e-5, 1e-2, log=True),
        "weight_decay": Choice((0.0, 1e-3, 1e-2, 1e-1)),
    }
    LATER: ClassVar[frozenset[str]] = frozenset({"weight_decay", "choose_by", "observations"})

    num_steps: int = Field(1500, ge=1)
    """Gradient steps."""
    tasks_per_step: int = Field(8, ge=1)
    """Source tasks in a batch; all of them where the source has fewer."""
    samples_per_task: int = Field(512, ge=1)
    """Samples of each of those tasks, drawn with replacement."""
    learning_rate: float = Field(1e-3, gt=0)
    """Adam's learning rate until the decay."""
    decay_start: float = Field(0.6, ge=0, le=1)
    """Share of the steps after which the learning rate falls, linearly until the last step."""
    final_learning_rate: float = Field(0.01, ge=0, le=1)
    """Learning rate of the last step, as a share of ``learning_rate``."""
    weight_decay: float = Field(0.0, ge=0)
    """Share of itself, times the learning rate, that every parameter loses in a step."""
    max_gradient_norm: float = Field(1.0, gt=0)
    """The gradient of all parameters together is scaled down to this norm."""
    num_checks: int = Field(50, ge=1)
    """How often a fit reports its progress and is measured on the validation tasks."""
    choose_after: float = Field(0.8, ge=0, le=1)
    """Share of the steps before which no weights are kept, however low their validation loss. The
    mean error over validation tasks is ruled by the few far from every source; while the learning
    rate is high it can be lowest where all other tasks are still cloned badly."""
    choose_by: Literal["validation", "last"] = "validation"
    """Whether the weights with the lowest validation loss are kept, or those of the last step."""
    observations: Literal["normalised", "raw"] = "normalised"
    """Whether policies see observations by mean and deviation over the source tasks, or as they
    are, as in the code released with HyPoGen."""
    policy: Literal["locomotion", "manipulation"] = "locomotion"
    """The published setting whose policies are generated: two layers with ReLU, or three with tanh.
    The fields below, where they are given, replace what it says."""
    policy_width: int = Field(256, ge=1)
    """Hidden units of a generated policy's layers."""
    policy_depth: int = Field(2, ge=1)
    """Linear layers of a generated policy."""
    policy_activation: Literal["relu", "tanh"] = "relu"
    """Activation of the generated policy's hidden layers; its output always passes a tanh."""

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        # An unknown name is refused by the field's own type, with the names that exist.
        preset = cls.PRESETS.get(values.get("preset", ""), {})
        return {**cls.POLICIES.get(values.get("policy", ""), {}), **preset, **values}

    def present(self, specs: Sequence[TaskSpec]) -> FloatArray:
        """Give what the method is shown of tasks: (num_tasks, shown_dim)."""
        return spec_matrix(specs)

    def policy_sizes(self, observation_dim: int, action_dim: int) -> LayerSizes:
        """Give (num_in, num_out) of each layer of the generated policy."""
        hidden = (self.policy_width,) * (self.policy_depth - 1)
        widths = (observation_dim, *hidden, action_dim)
        return tuple(pairwise(widths))


class EmbeddingConfig(LearningConfig):
    """Hyper-parameters of a method whose network reads the spec."""

    SEARCH: ClassVar[SearchSpace] = {
        **LearningConfig.SEARCH,
        "spec_scale": Range(0.3, 30.0, log=True),
        "spec_units": Choice(("scaled", "raw")),
    }
    LATER: ClassVar[frozenset[str]] = LearningConfig.LATER | {"spec_scale", "spec_units"}

    spec_scale: float = Field(1.0, gt=0)
    """Factor on what the network is shown of a spec."""
    spec_units: Literal["scaled", "raw"] = "scaled"
    """How the network is shown a feature that is an interval: scaled to [-1, 1], or raw, in its own
    unit, as in the code released with HyPoGen. Angles and categories are shown alike in both."""

    def present(self, specs: Sequence[TaskSpec]) -> FloatArray:
        shown = spec_matrix(specs) if self.spec_units == "scaled" else np.stack([*map(_raw, specs)])
        return np.float32(self.spec_scale) * shown


def _raw(spec: TaskSpec) -> FloatArray:
    pairs = zip(spec.space.features, spec.values, strict=True)
    parts = [(v,) if f.domain == "interval" else f.present(v) for f, v in pairs]
    return np.array([number for part in parts for number in part], np.float32)
