"""A check that what a family declares as features of a task changes something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cached_property

import numpy as np

from hyperbench.errors import SpecError, contract_error
from hyperbench.family import TaskFamily
from hyperbench.policy import PolicyBatch, info_key
from hyperbench.task import Feature, FloatArray, TaskSpec
from hyperbench.testing.trace import Trace, play, random_actions, single, some_tasks

_SHARES = (1.0, 0.5, 0.2)
"""How much of the way to its farthest value a feature is moved, the first that is played."""


def check_features_matter(family: TaskFamily) -> None:
    """Check that each declared feature changes the next state or the reward.

    A feature that changes nothing is noise in the spec that a method is asked to read. From first,
    middle and last task the feature is moved to the far end of its range, to the opposite point of
    its circle or to another category, or less far where the family refuses such a task by a
    ``SpecError``, and both tasks are played with the same seed and the same actions: random ones,
    and those of the original task's expert (a goal that random actions never come near makes a
    difference only then).
    """
    played = [_Played(family, task) for task in some_tasks(family)]
    for name in family.spec_space.names:
        if not any(_feature_matters(family, name, here) for here in played):
            raise contract_error(
                f"Family {family.info.id}",
                f"feature {name!r} must change the next state or the reward.",
                "the same observations, rewards and end of episode wherever it is moved, under "
                "random and expert actions.",
                "Look where make and make_vec read the task, or drop the feature.",
            )


class _Played:
    """A task's episodes that those of tasks with one other feature are compared with."""

    def __init__(self, family: TaskFamily, task: TaskSpec) -> None:
        self._family, self.task = family, task

    def episodes(self) -> Iterator[Trace]:
        """Under random actions, then under those of the task's expert."""
        yield self._by_random
        if self._family.info.has_demonstrators:
            yield self._by_expert

    @cached_property
    def _by_random(self) -> Trace:
        return play(single(self._family, self.task), [0], random_actions(self._family, 1))

    @cached_property
    def _by_expert(self) -> Trace:
        actions = _expert_actions(self._family, self.task)
        return play(single(self._family, self.task), [0], actions)


def _feature_matters(family: TaskFamily, name: str, played: _Played) -> bool:
    moved = _moved(family, played.task, name)
    return any(
        here.difference(play(single(family, moved), [0], here.actions)) is not None
        for here in played.episodes()
    )


def _moved(family: TaskFamily, task: TaskSpec, name: str) -> TaskSpec:
    """Move one feature of the task, as far as the family plays it."""
    position = task.space.names.index(name)
    for value in _elsewhere(task.space.features[position], task.values[position]):
        values = (*task.values[:position], value, *task.values[position + 1 :])
        moved = TaskSpec(task.family, task.space, values)
        with suppress(SpecError), closing(family.make(moved)):
            return moved
    raise contract_error(
        f"Family {family.info.id}",
        f"there must be tasks that differ from {task.label} in {name!r} alone.",
        "SpecError, however little it is moved.",
        "Refuse only specs that cannot be played.",
    )


def _elsewhere(feature: Feature, value: float) -> Iterator[float]:
    """Other values of a feature, the farthest first."""
    if feature.domain == "categories":
        yield from (float(i) for i in range(len(feature.categories)) if i != value)
        return
    if feature.domain == "circle":
        end = value + (feature.high - feature.low) / 2
    else:
        in_upper_half = value > (feature.low + feature.high) / 2
        end = feature.low if in_upper_half else feature.high
    yield from (value + share * (end - value) for share in _SHARES)


def _expert_actions(family: TaskFamily, task: TaskSpec) -> FloatArray:
    """Record what the expert of ``task`` does in one episode: (num_steps, 1, action_dim)."""
    policies: PolicyBatch = family.reference([task])
    policies.reset()
    trace = play(
        single(family, task),
        [0],
        lambda seen: policies.act(seen[:, None].astype(np.float32))[:, 0],
        family.info.horizon,
        info_key(policies),
    )
    return trace.actions
