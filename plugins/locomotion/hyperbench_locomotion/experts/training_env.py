"""The vector environment as Stable-Baselines3 wants it, with a task that changes every episode."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from hyperbench_locomotion.body import Body
from hyperbench_locomotion.physics import Array
from hyperbench_locomotion.rewards import RewardFunction
from hyperbench_locomotion.vector_env import LocomotionVectorEnv


class TrainingEnv(VecEnv):
    """``num_envs`` bodies whose observation ends with the features that vary, scaled to [-1, 1].

    Each episode draws a new task and starts from a bank of settled states, so that no training time
    goes into settling. Episodes start out of step with each other.

    Args:
        body: what is simulated.
        reward: (speeds, targets) -> rewards, each (num_envs,).
        tasks: (num_tasks, 2) speed and length of the tasks to draw from.
        probabilities: (num_tasks,) how often each is drawn.
        horizon: control steps per episode.
        judged_seconds: over how long the mean is taken of the speed that is rewarded [s].
        num_envs: environments.
        num_starts: start states in the bank, of each length.
        num_threads: physics threads.
        seed: of tasks, start states and phases.
    """

    def __init__(
        self,
        body: Body,
        reward: RewardFunction,
        tasks: Array,
        probabilities: Array,
        *,
        horizon: int,
        judged_seconds: float,
        num_envs: int,
        num_starts: int,
        num_threads: int,
        seed: int,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._tasks, self._probabilities = tasks, probabilities
        low, high = body.spec_bounds()
        varies = varying_features(tasks)
        self._scaled = (2.0 * (tasks - low) / (high - low) - 1.0)[:, varies].astype(np.float32)
        self._models = {length: body.model(length) for length in np.unique(tasks[:, 1])}
        self._starts = self._settled_starts(body, reward, num_starts, seed)
        self._current = self._draw(num_envs)
        models = [self._models[tasks[i, 1]] for i in self._current]
        self._env = LocomotionVectorEnv(
            body,
            models,
            tasks[self._current, 0],
            reward,
            horizon=horizon,
            judged_seconds=judged_seconds,
            num_threads=num_threads,
        )
        self._elapsed = self._rng.integers(0, horizon, num_envs)
        self._returns = np.zeros(num_envs)
        # The first episodes begin out of step: too short for their returns to count.
        self._complete = np.zeros(num_envs, dtype=bool)
        self._actions = np.zeros((num_envs, *self._env.single_action_space.shape), np.float32)
        shape = (body.observation_size + sum(varies),)
        super().__init__(
            num_envs,
            spaces.Box(-np.inf, np.inf, shape, np.float32),
            self._env.single_action_space,
        )

    def reset(self) -> npt.NDArray[np.float32]:
        for i in range(self.num_envs):
            self._start(i)
        self._env.begin(np.arange(self.num_envs))
        return self._observe()

    def step_async(self, actions: npt.NDArray[np.float32]) -> None:
        self._actions = actions

    def step_wait(self) -> Any:
        _, rewards, _, _, _ = self._env.step(self._actions)
        self._elapsed += 1
        self._returns += rewards
        done = self._elapsed >= self._env.horizon
        infos: list[dict[str, Any]] = [{}] * self.num_envs
        if done.any():
            infos = self._end_episodes(np.flatnonzero(done))
        return self._observe(), rewards.astype(np.float32), done, infos

    def close(self) -> None:
        self._env.close()

    # Stable-Baselines3 declares these for environments that live in other processes; nothing here
    # needs them.
    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:  # noqa: ARG002
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError("the training environment has no settable attributes")

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        raise NotImplementedError("the training environment has no callable sub-environments")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:  # noqa: ARG002
        return [False] * self.num_envs

    def _settled_starts(
        self, body: Body, reward: RewardFunction, num_starts: int, seed: int
    ) -> dict[float, list[tuple[Array, Array]]]:
        """Joint positions and velocities to start from, per length."""
        starts = {}
        for length, model in self._models.items():
            env = LocomotionVectorEnv(
                body, [model] * num_starts, np.ones(num_starts), reward, horizon=1
            )
            env.reset(seed=seed)
            starts[length] = list(zip(env.physics.qpos, env.physics.qvel, strict=True))
            env.close()
        return starts

    def _draw(self, count: int) -> npt.NDArray[np.int64]:
        return self._rng.choice(len(self._tasks), count, p=self._probabilities)

    def _start(self, index: int) -> None:
        speed, length = self._tasks[self._current[index]]
        starts = self._starts[length]
        qpos, qvel = starts[self._rng.integers(len(starts))]
        self._env.physics.place(index, qpos, qvel, self._models[length])
        self._env.targets[index] = speed

    def _end_episodes(self, ended: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        observation = self._observe()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in ended:
            infos[i] = {"terminal_observation": observation[i], "TimeLimit.truncated": True}
            if self._complete[i]:
                infos[i]["episode"] = {"r": self._returns[i], "l": self._env.horizon, "t": 0.0}
        self._complete[ended] = True
        self._current[ended] = self._draw(len(ended))
        for i in ended:
            self._start(i)
        self._env.begin(ended)
        self._returns[ended] = 0.0
        self._elapsed[ended] = 0
        return infos

    def _observe(self) -> npt.NDArray[np.float32]:
        return np.concatenate([self._env.observe(), self._scaled[self._current]], axis=1)


def varying_features(tasks: Array) -> list[bool]:
    """Whether speed and whether length differ among ``tasks`` (num_tasks, 2)."""
    return [len(np.unique(column)) > 1 for column in tasks.T]
