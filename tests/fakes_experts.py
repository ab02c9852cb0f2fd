"""Families whose experts break their contract in one point each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperbench.arms import ZeroActionPolicies
from hyperbench.testing import family_expert
from hyperbench.testing.line import LineFamily

from .fakes_methods import double


class UnboundedExpert(LineFamily):
    def expert(self, tasks):
        good = super().expert(tasks)
        return replace(good, action_low=good.action_low * 2, action_high=good.action_high * 2)


class Float64Expert(LineFamily):
    def expert(self, tasks):
        return double(super().expert(tasks))


class OneExpert(LineFamily):
    def expert(self, tasks):
        return super().expert(tasks[:1])


class CentredExpert(LineFamily):
    """Weights relative to the mean over the tasks of the call."""

    def expert(self, tasks):
        good = super().expert(tasks)
        return replace(good, biases=tuple(b - 0.1 * b.mean(axis=0) for b in good.biases))


class OneTaskUnlearned(LineFamily):
    """The expert flees the goal of one task of fifteen."""

    def expert(self, tasks):
        good = super().expert(tasks)
        sign = np.array([-1 if task == self.tasks[4] else 1 for task in tasks], dtype=np.float32)
        return replace(
            good,
            weights=(good.weights[0] * sign[:, None, None],),
            biases=(good.biases[0] * sign[:, None],),
        )


class LazyExpert(LineFamily):
    def expert(self, tasks):
        return ZeroActionPolicies(self, tasks)


BROKEN_EXPERTS = {
    "unbounded expert": (
        family_expert.check_expert_acts_within_bounds,
        UnboundedExpert,
        "inside Box",
    ),
    "float64 expert": (family_expert.check_expert_acts_within_bounds, Float64Expert, "float64"),
    "one expert for all": (
        family_expert.check_expert_acts_within_bounds,
        OneExpert,
        "for 3 tasks",
    ),
    "centred expert": (
        family_expert.check_experts_are_independent,
        CentredExpert,
        "whatever else is in the call",
    ),
    "one task unlearned": (
        family_expert.check_expert_beats_random,
        OneTaskUnlearned,
        "1 of 15 tasks",
    ),
    "lazy expert": (family_expert.check_expert_beats_zero_action, LazyExpert, "action zero"),
}
"""What is broken: (the check that must reject it, the family class, words of the message)."""
