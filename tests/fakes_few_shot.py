"""A few-shot method that keeps its contract, and some that break it over support."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperbench.errors import SupportError
from hyperbench.testing import method_support

from .fakes_random_features import RandomFeatures


class FewShotFeatures(RandomFeatures):
    """Random features whose output is moved by half the mean demonstrated action."""

    def generate(self, specs, support=None):
        policies = super().generate(specs)
        if support is None:
            raise SupportError(self)
        low, high = self.fitted["low"], self.fitted["high"]
        chosen = self.support_of(specs, support)
        means = [chosen.actions(task).mean(axis=0) for task in range(len(specs))]
        hidden, last = policies.biases
        shift = (np.stack(means) - low) / (high - low) - 0.5
        return replace(policies, biases=(hidden, last + shift.astype(np.float32)))

    def support_of(self, specs, support):
        return support.select(specs)


class DoesWithout(FewShotFeatures):
    def generate(self, specs, support=None):
        if support is None:
            return RandomFeatures.generate(self, specs)
        return super().generate(specs, support)


class StumblesWithout(FewShotFeatures):
    def generate(self, specs, support=None):
        support.select(specs)
        return super().generate(specs, support)


class IgnoresSupport(FewShotFeatures):
    def support_of(self, specs, support):
        return replace(support, episodes=support.episodes[-1:] * support.num_tasks)


class PoolsSupport(FewShotFeatures):
    def support_of(self, specs, support):
        pooled = tuple(episode for row in support.episodes for episode in row)
        return replace(support, episodes=(pooled,) * support.num_tasks)


class Peeks(RandomFeatures):
    def generate(self, specs, support=None):
        policies = super().generate(specs)
        if support is None:
            return policies
        hidden, last = policies.biases
        return replace(policies, biases=(hidden, last + 0.1))


BROKEN_ZERO_SHOT = {
    "needs support": (method_support.check_support_is_asked_for, FewShotFeatures, "track='few"),
    "peeks": (method_support.check_support_is_of_its_task, Peeks, "must not use support"),
}
BROKEN_FEW_SHOT = {
    "does without": (method_support.check_support_is_asked_for, DoesWithout, "policies."),
    "stumbles": (method_support.check_support_is_asked_for, StumblesWithout, "AttributeError"),
    "ignores support": (
        method_support.check_support_is_of_its_task,
        IgnoresSupport,
        "depend on its",
    ),
    "pools support": (method_support.check_support_is_of_its_task, PoolsSupport, "another task"),
}
"""What is broken: (the check that must reject it, the method class, words of the message)."""
