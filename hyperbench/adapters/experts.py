"""Experts from elsewhere: functions, Stable-Baselines3's models, files of policies."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from gymnasium.spaces import Dict
from gymnasium.spaces.utils import unflatten

from hyperbench.adapters.spaces import FlatActions, FlatObservations
from hyperbench.errors import DataError
from hyperbench.files import sha256_file
from hyperbench.policy import PolicyBatch
from hyperbench.seeding import content_hash
from hyperbench.task import FloatArray, TaskSpec

Choose = Callable[[FloatArray, TaskSpec], Any]
"""Actions for observations (num_episodes, obs_dim) of one task, as its environment takes them."""


@runtime_checkable
class Model(Protocol):
    """What Stable-Baselines3's models are: one that was trained in the environment itself."""

    @property
    def observation_space(self) -> Any:
        """What it was trained to see."""

    def predict(self, observation: Any, *, deterministic: bool = False) -> tuple[Any, Any]:
        """Actions for a batch of observations, and a state."""


Expert = Model | Callable[..., Any] | str | Path
"""What ``GymnasiumFamily`` takes for one."""


@dataclass(frozen=True)
class ChosenPolicies:
    """Policies that are a function: of what is observed, and of the task.

    Args:
        choose: gives the actions.
        tasks: one for each policy.
        actions: how they become numbers.
    """

    choose: Choose
    tasks: tuple[TaskSpec, ...]
    actions: FlatActions

    @property
    def num_tasks(self) -> int:
        """How many tasks there is a policy for."""
        return len(self.tasks)

    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, obs_dim) -> (num_tasks, num_episodes, action_dim)."""
        rows = zip(observations, self.tasks, strict=True)
        return np.stack([self.actions.flat(self.choose(o, t), len(o)) for o, t in rows])

    def reset(self) -> None:
        """Do nothing: a function remembers nothing."""


def expert_policies(
    expert: Expert,
    tasks: Sequence[TaskSpec],
    known: Sequence[TaskSpec],
    observations: FlatObservations,
    actions: FlatActions,
) -> PolicyBatch:
    """Make the policies of tasks from whatever an expert is.

    Args:
        expert: a function of observations (num_episodes, obs_dim) and, where it takes two
            arguments, of the task, that gives actions as the environment takes them; a model; or
            a file of stored policies, one for each task of the family.
        tasks: that are to be played.
        known: the family's, in the order of the file.
        observations: how the environment's are flattened.
        actions: how the environment's become numbers.

    Raises:
        DataError: the file has not one policy for each of the family's tasks, or none for these.
    """
    if isinstance(expert, (str, Path)):
        return _stored(Path(expert), tasks, known)
    choose = _modelled(expert, observations) if isinstance(expert, Model) else _called(expert)
    return ChosenPolicies(choose, tuple(tasks), actions)


def version_of(expert: Expert | None) -> str:
    """What identifies an expert by content, as far as it can be seen.

    Raises:
        DataError: a file that cannot be read.
    """
    if isinstance(expert, (str, Path)):
        path = Path(expert)
        try:
            return f"{path.name}-{sha256_file(path)[:16]}"
        except OSError as error:
            raise DataError(
                f"The expert's file {path} cannot be read: {error.strerror}."
            ) from error
    if isinstance(expert, Model):
        weights: Any = expert
        arrays = {
            name: tensor.detach().cpu().numpy()
            for name, tensor in weights.policy.state_dict().items()
        }
        content = {name: array.tobytes().hex() for name, array in arrays.items()}
        return f"{type(expert).__name__}-{content_hash(content)}"
    return getattr(expert, "__name__", type(expert).__name__)


def _called(function: Callable[..., Any]) -> Choose:
    needed = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return function if len(needed) > 1 else lambda observations, _: function(observations)


def _modelled(model: Model, observations: FlatObservations) -> Choose:
    """Show a model what it was trained to see: parts by name, or the spec's numbers at the end."""
    native = observations.native

    def choose(shown: FloatArray, task: TaskSpec) -> Any:
        seen: Any = shown
        if isinstance(native, Dict):
            parts: list[Any] = [unflatten(native, row) for row in shown]
            seen = {name: np.stack([part[name] for part in parts]) for name in native}
        elif model.observation_space.shape == (shown.shape[1] + task.space.shown_dim,):
            seen = np.concatenate([shown, np.tile(task.vector, (len(shown), 1))], axis=1)
        return model.predict(seen, deterministic=True)[0]

    return choose


def _stored(path: Path, tasks: Sequence[TaskSpec], known: Sequence[TaskSpec]) -> PolicyBatch:
    from hyperbench.records.policies import read_policies

    policies = read_policies(path)
    if policies.num_tasks != len(known):
        raise DataError(
            f"{path} has {policies.num_tasks} policies. Give one for each of the family's "
            f"{len(known)} tasks, in their order."
        )
    places = {task.key: i for i, task in enumerate(known)}
    if strange := [task.label for task in tasks if task.key not in places]:
        raise DataError(
            f"{path} has no policy for {strange[0]}, which is none of the family's tasks."
        )
    return policies.take([places[task.key] for task in tasks])
