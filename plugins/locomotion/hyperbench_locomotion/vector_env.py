"""Many environments of one body, advancing together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from hyperbench_mujoco import mujoco

from hyperbench.vector import Observations, Seed, StreamedVectorEnv
from hyperbench_locomotion.body import Body
from hyperbench_locomotion.physics import Array, Physics, RolloutPhysics, SteppedPhysics
from hyperbench_locomotion.rewards import RecentMean, RewardFunction

Flags = npt.NDArray[np.bool_]


class LocomotionVectorEnv(StreamedVectorEnv):
    """``num_envs`` bodies, one model and one target speed each.

    All episodes last ``horizon`` control steps and end by truncation.

    States and observations are dm_control's. Where ``RolloutPhysics`` advances the body, sensor
    values, and so speeds and rewards, are dm_control's of one physics step earlier.

    Args:
        body: what is simulated.
        models: one compiled model per environment; the same object may appear many times.
        targets: (num_envs,) target speeds, in the body's unit.
        reward: (speeds, targets) -> rewards, each (num_envs,).
        horizon: control steps per episode.
        judged_seconds: over how long the mean is taken of the speed that is rewarded [s]; with 0
            it is the present speed.
        num_threads: physics threads. Results do not depend on it.
    """

    def __init__(
        self,
        body: Body,
        models: Sequence[mujoco.MjModel],
        targets: Sequence[float] | Array,
        reward: RewardFunction,
        *,
        horizon: int,
        judged_seconds: float = 0.0,
        num_threads: int = 1,
    ) -> None:
        super().__init__(len(models), observation_space(body), action_space(models[0]))
        self.body = body
        kind = SteppedPhysics if body.carries_warm_start else RolloutPhysics
        self.physics: Physics = kind(models, num_threads)
        self.targets: Array = np.array(targets, dtype=np.float64)
        self.horizon = horizon
        self._reward = reward
        step_seconds = models[0].opt.timestep * body.num_substeps
        self._speeds = RecentMean(self.num_envs, judged_seconds / step_seconds)
        self._action_bounds = models[0].actuator_ctrlrange.T
        self._elapsed_steps = np.zeros(self.num_envs, dtype=np.int64)

    def reset(
        self,
        *,
        seed: Seed = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: as of ``RandomStreams.reset``.
            options: likewise.

        Returns:
            (num_envs, obs_dim) observations and an empty dictionary.

        Raises:
            ValueError: the number of seeds or the shape of the mask does not fit.
        """
        streams = self.streams.reset(seed, options)
        for i, rng in streams.items():
            self.physics.place(i, self.body.initial_qpos(self.physics.models[i], rng))
        chosen = np.array(list(streams), dtype=np.int64)
        self.physics.settle(chosen, self.body.num_settling_steps)
        self.begin(chosen)
        return self.observe(), {}

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Observations, Array, Flags, Flags, dict[str, Any]]:
        """Advance every environment that is ``going`` by one control step.

        Args:
            actions: (num_envs, action_dim), clipped to the action bounds.

        Returns:
            Observations (num_envs, obs_dim), rewards (num_envs,), terminations (never),
            truncations (at the horizon) and an empty dictionary.
        """
        control = np.clip(actions, *self._action_bounds)
        self.physics.advance(self.going, control, self.body.num_substeps)
        self._elapsed_steps += 1
        speeds = self._speeds.update(self.body.speed(self.physics))
        rewards = self.body.reward(self.physics, speeds, self.targets, self._reward)
        terminations = np.zeros(self.num_envs, dtype=bool)
        truncations = self._elapsed_steps >= self.horizon
        return self.observe(), rewards, terminations, truncations, {}

    def begin(self, chosen: npt.NDArray[np.int64]) -> None:
        """Let episodes of the chosen environments begin in the states they are in."""
        self._elapsed_steps[chosen] = 0
        self._speeds.restart(chosen)

    def observe(self) -> Observations:
        """(num_envs, obs_dim) observations of the current states."""
        return self.body.observe(self.physics).astype(np.float32)

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ARG002 - Gymnasium's signature
        """Stop the physics threads."""
        self.physics.close()


def observation_space(body: Body) -> spaces.Box:
    """The unbounded observation space of one environment of ``body``."""
    return spaces.Box(-np.inf, np.inf, (body.observation_size,), np.float32)


def action_space(model: mujoco.MjModel) -> spaces.Box:
    """The action space of one environment: the actuators' control ranges."""
    low, high = model.actuator_ctrlrange.astype(np.float32).T
    return spaces.Box(low, high, dtype=np.float32)
