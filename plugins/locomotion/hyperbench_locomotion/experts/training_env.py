"""The vector environment as Stable-Baselines3 wants it, with a target that changes every episode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from hyperbench_locomotion.body import Body
from hyperbench_locomotion.vector_env import LocomotionVectorEnv

Array = npt.NDArray[np.float64]
TargetReward = Callable[[Array, Array], Array]


class TrainingEnv(VecEnv):
    """``num_envs`` bodies whose observation ends with the target, scaled to [-1, 1].

    Each episode draws a new target and starts from a bank of settled states, so that no training
    time goes into settling. Episodes start out of step with each other.

    Args:
        body: what is simulated, at its nominal length.
        reward: (speeds, targets) -> rewards, each (num_envs,).
        targets: the target speeds to draw from, uniformly; repeat a target to draw it more often.
        scale: the target that is presented as 1.
        horizon: control steps per episode.
        num_envs: environments.
        num_threads: physics threads.
        seed: of targets, start states and phases.
    """

    def __init__(
        self,
        body: Body,
        reward: TargetReward,
        targets: Sequence[float],
        *,
        scale: float,
        horizon: int,
        num_envs: int,
        num_threads: int,
        seed: int,
    ) -> None:
        self._rng = np.random.default_rng(seed)
        self._choices = np.asarray(targets, dtype=np.float64)
        self._scale = scale
        self._targets = self._rng.choice(self._choices, num_envs)
        self._env = LocomotionVectorEnv(
            body,
            [body.model()] * num_envs,
            lambda speed: reward(speed, self._targets),
            horizon=horizon,
            num_threads=num_threads,
        )
        self._env.reset(seed=seed)
        self._bank = self._env.state
        self._elapsed = self._rng.integers(0, horizon, num_envs)
        self._returns = np.zeros(num_envs)
        self._actions: npt.NDArray[np.float32] = np.zeros(
            (num_envs, *(self._env.single_action_space.shape or ())), np.float32
        )
        shape = (body.observation_size + 1,)
        super().__init__(
            num_envs,
            spaces.Box(-np.inf, np.inf, shape, np.float32),
            self._env.single_action_space,
        )

    def reset(self) -> npt.NDArray[np.float32]:
        self._env.state = self._bank
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

    def _end_episodes(self, ended: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        observation = self._observe()
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in ended:
            infos[i] = {
                "terminal_observation": observation[i],
                "TimeLimit.truncated": True,
                "episode": {"r": self._returns[i], "l": self._env.horizon, "t": 0.0},
            }
        state = self._env.state
        state[ended] = self._bank[self._rng.integers(0, len(self._bank), len(ended))]
        self._env.state = state
        self._targets[ended] = self._rng.choice(self._choices, len(ended))
        self._returns[ended] = 0.0
        self._elapsed[ended] = 0
        return infos

    def _observe(self) -> npt.NDArray[np.float32]:
        target = (self._targets / self._scale)[:, None].astype(np.float32)
        return np.concatenate([self._env.observe(), target], axis=1)

    def close(self) -> None:
        self._env.close()

    # Stable-Baselines3 declares these for environments that live in other processes; nothing here
    # calls them.
    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self, attr_name, None)] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError("the training environment has no settable attributes")

    def env_method(
        self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any
    ) -> list[Any]:
        raise NotImplementedError("the training environment has no callable sub-environments")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs
