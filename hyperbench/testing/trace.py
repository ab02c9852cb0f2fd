"""Playing environments step by step and comparing what they showed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv, VectorEnv

from hyperbench.family import TaskFamily
from hyperbench.policy import PolicyBatch
from hyperbench.rollout.border import Episodes
from hyperbench.task import FloatArray, TaskSpec

Vector = VectorEnv[Any, Any, Any]
Array = npt.NDArray[Any]

NUM_STEPS = 50
"""How far episodes are followed when they are compared; differences show early or never."""


@dataclass(frozen=True)
class Trace:
    """What vector environments showed, up to the end of each episode and zero afterwards.

    Args:
        observations: (num_steps + 1, num_envs, obs_dim), from the reset on.
        actions: (num_steps, num_envs, action_dim).
        rewards: (num_steps, num_envs).
        ended: (num_steps, num_envs), whether the episode is over after the step.
        terminated: (num_steps, num_envs), whether the task, not a time limit, ended it in the step.
    """

    observations: Array
    actions: FloatArray
    rewards: Array
    ended: npt.NDArray[np.bool_]
    terminated: npt.NDArray[np.bool_]

    def take(self, envs: Sequence[int]) -> Trace:
        """Select some of the sub-environments, up to the end of their last episode."""
        index = list(envs)
        ended = self.ended[:, index]
        num_steps = int((~ended.all(axis=1)).sum()) + 1
        return Trace(
            self.observations[: num_steps + 1, index],
            self.actions[:num_steps, index],
            self.rewards[:num_steps, index],
            ended[:num_steps],
            self.terminated[:num_steps, index],
        )

    def difference(self, other: Trace, tolerance: float = 0.0) -> str | None:
        """Where two traces first differ by more than ``tolerance``, in words; None if nowhere.

        The tolerance is absolute below magnitude 1 and relative above it.
        """
        for what in ("observations", "rewards", "ended"):
            mine = np.asarray(getattr(self, what), dtype=np.float64)
            theirs = np.asarray(getattr(other, what), dtype=np.float64)
            num_steps = min(len(mine), len(theirs))
            mine, theirs = mine[:num_steps], theirs[:num_steps]
            apart = ~(np.abs(mine - theirs) <= tolerance * np.maximum(1.0, np.abs(mine)))
            if apart.any():
                where = tuple(int(i) for i in np.argwhere(apart)[0])
                return (
                    f"{what} differ first at step {where[0]}: "
                    f"{mine[where]:.9g} against {theirs[where]:.9g}"
                )
        if len(self.ended) != len(other.ended):
            return f"episodes of {len(self.ended)} steps against {len(other.ended)}"
        return None


class Player:
    """Steps one vector environment and writes down what it shows.

    Two players advance two environments in turns, which is how hidden sharing is found.

    Args:
        env: what is played.
        seeds: one per sub-environment.
        info_key: the entry of ``infos`` that stands for the observations; None: themselves.
    """

    def __init__(self, env: Vector, seeds: Sequence[int], info_key: str | None = None) -> None:
        self._info_key = info_key
        names = [f"environment {i}" for i in range(env.num_envs)]
        space = cast(spaces.Box, env.single_observation_space)
        self._episodes = Episodes(env, space, "Vector environment", names)
        self._episodes.reset(list(seeds))
        self._observations = [self._seen()]
        self._actions: list[FloatArray] = []
        self._rewards: list[Array] = []
        self._ended = [self._episodes.over]
        self._terminated: list[npt.NDArray[np.bool_]] = []

    @property
    def observation(self) -> Array:
        """(num_envs, obs_dim): the latest."""
        return self._observations[-1]

    def _seen(self) -> Array:
        if self._info_key is None:
            return self._episodes.observations
        return self._episodes.info(self._info_key)

    @property
    def all_ended(self) -> bool:
        """Whether every episode is over."""
        return bool(self._ended[-1].all())

    def step(self, actions: FloatArray) -> None:
        """Advance by one step with ``actions`` (num_envs, action_dim), unless all is over."""
        if self.all_ended:
            return
        shown = self._episodes.step(actions)
        running = ~self._ended[-1]
        self._observations.append(np.where(running[:, None], self._seen(), 0.0))
        self._actions.append(actions)
        self._rewards.append(shown.rewards)
        self._ended.append(self._episodes.over)
        self._terminated.append(shown.terminated)

    def trace(self) -> Trace:
        """Return what was shown so far."""
        return Trace(
            np.array(self._observations),
            np.array(self._actions),
            np.array(self._rewards),
            np.array(self._ended[1:]),
            np.array(self._terminated),
        )


def play(
    env: Vector,
    seeds: Sequence[int],
    choose: FloatArray | Callable[[Array], FloatArray],
    num_steps: int | None = None,
    info_key: str | None = None,
) -> Trace:
    """Play one episode in every sub-environment, close them, and return what was shown.

    Args:
        env: the vector environment.
        seeds: one per sub-environment.
        choose: fixed actions (num_steps, num_envs, action_dim), or a function from observations
            (num_envs, obs_dim) to actions (num_envs, action_dim).
        num_steps: how many steps at most, where ``choose`` is a function.
        info_key: the entry of ``infos`` that stands for the observations; None: themselves.
    """
    with closing(env):
        player = Player(env, seeds, info_key)
        if callable(choose):
            for _ in range(num_steps or NUM_STEPS):
                player.step(choose(player.observation))
        else:
            for actions in choose:
                player.step(actions)
        return player.trace()


def single(family: TaskFamily, task: TaskSpec) -> Vector:
    """``family.make(task)`` as a vector environment of one."""
    return SyncVectorEnv([partial(family.make, task)])


def references(family: TaskFamily, tasks: Sequence[TaskSpec]) -> tuple[PolicyBatch, ...]:
    """Who is score 1, unless nobody plays the family."""
    return (family.reference(tasks),) if family.info.has_demonstrators else ()


def random_actions(family: TaskFamily, num_envs: int, seed: int = 0) -> FloatArray:
    """Uniform actions (num_steps, num_envs, action_dim) for the steps that are compared."""
    num_steps = min(NUM_STEPS, family.info.horizon)
    space = family.action_space
    rng = np.random.default_rng(seed)
    return rng.uniform(space.low, space.high, (num_steps, num_envs, *space.shape)).astype(
        np.float32
    )


def within(actions: Array, low: Array, high: Array) -> bool:
    """Whether actions lie between the bounds, but for float32 rounding; NaN does not."""
    slack = 1e-6 * (high - low)
    return bool(((low - slack <= actions) & (actions <= high + slack)).all())


def some_tasks(family: TaskFamily) -> tuple[TaskSpec, ...]:
    """First, middle and last task: what checks play where all tasks would take too long."""
    num_tasks = len(family.tasks)
    return tuple(family.tasks[i] for i in sorted({0, num_tasks // 2, num_tasks - 1}))
