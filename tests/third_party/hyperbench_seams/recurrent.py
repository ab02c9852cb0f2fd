"""Policies with a memory: a kind of their own, and the methods that generate it."""

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from hyperbench_example.ridge import Ridge

from hyperbench.errors import DataError
from hyperbench.policy import MLPPolicies


@dataclass(frozen=True)
class FilteredPolicies:
    """Linear policies of an observation that is smoothed over time."""

    kind: ClassVar[str] = "seams-filtered"

    linear: MLPPolicies
    keeps: np.ndarray
    """(num_tasks,): share of what is remembered that is kept at each step."""
    memory: list = field(default_factory=list, compare=False)

    @property
    def num_tasks(self):
        return self.linear.num_tasks

    @property
    def num_parameters(self):
        return self.linear.num_parameters + 1

    def reset(self):
        self.memory.clear()

    def act(self, observations):
        keeps = self.keeps[:, None, None]
        before = self.memory[-1] if self.memory else observations
        self.memory[:] = [keeps * before + (1 - keeps) * observations]
        return self.linear.act(self.memory[-1].astype(np.float32))

    def take(self, tasks):
        return replace(
            self, linear=self.linear.take(tasks), keeps=self.keeps[list(tasks)], memory=[]
        )

    def refuse_non_finite(self, specs):
        self.linear.refuse_non_finite(specs)

    def to_arrays(self):
        arrays, metadata = self.linear.to_arrays()
        return {**arrays, "keeps": self.keeps.astype(np.float32)}, {**metadata, "kind": self.kind}

    @classmethod
    def from_arrays(cls, arrays, metadata):
        if "keeps" not in arrays:
            raise DataError("Filtered policies without 'keeps'.")
        linear = {name: array for name, array in arrays.items() if name != "keeps"}
        return cls(MLPPolicies.from_arrays(linear, metadata), arrays["keeps"])


class Filtered(Ridge):
    """Ridge regression whose policies smooth what they see."""

    def generate(self, specs, support=None):
        linear = super().generate(specs)
        return FilteredPolicies(linear, np.full(len(specs), 0.25, np.float32))


class Lookup:
    """Policies that nothing but themselves could write down."""

    def __init__(self, linear):
        self.num_tasks, self._act = linear.num_tasks, linear.act

    def act(self, observations):
        return self._act(observations)

    def reset(self):
        pass


class Unstored(Ridge):
    """Ridge regression whose policies cannot be stored."""

    def generate(self, specs, support=None):
        return Lookup(super().generate(specs))
