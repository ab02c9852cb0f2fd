"""Many environments of one body, stepped together in C++ by ``mujoco.rollout``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import mujoco.rollout
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from hyperbench_locomotion.body import Array, Body

FULL_PHYSICS = mujoco.mjtState.mjSTATE_FULLPHYSICS
RewardFunction = Callable[[Array], Array]


class LocomotionVectorEnv(VectorEnv[npt.NDArray[np.float32], npt.NDArray[Any], npt.NDArray[Any]]):
    """``num_envs`` bodies, one model each, advancing by one control step per call.

    All episodes last ``horizon`` control steps and end by truncation. There is no automatic reset:
    reset what you need with ``options={"reset_mask": mask}``, as Gymnasium's own vector environments
    do in this mode.

    Sensor values of ``mujoco.rollout`` belong to the *start* of the last physics step, those of
    dm_control to its end. Speeds, and so rewards, are dm_control's of one physics step earlier.

    Args:
        body: what is simulated.
        models: one compiled model per environment; the same object may appear many times.
        reward: maps signed speeds (num_envs,) to rewards (num_envs,).
        horizon: control steps per episode.
        num_threads: physics threads. Results do not depend on it.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}

    def __init__(
        self,
        body: Body,
        models: Sequence[mujoco.MjModel],
        reward: RewardFunction,
        *,
        horizon: int,
        num_threads: int = 1,
    ) -> None:
        self.body = body
        self.models = list(models)
        self.num_envs = len(self.models)
        self.horizon = horizon
        self._reward = reward
        model = self.models[0]
        self.single_observation_space = observation_space(body)
        self.single_action_space = action_space(model)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        num_threads = max(1, min(num_threads, self.num_envs))
        # A pool of one thread only adds a hand-over: with 0 the caller's thread does the work.
        self._rollout = mujoco.rollout.Rollout(nthread=num_threads if num_threads > 1 else 0)
        self._data = [mujoco.MjData(model) for _ in range(num_threads)]
        self._state = np.zeros((self.num_envs, mujoco.mj_stateSize(model, FULL_PHYSICS.value)))
        self._sensors = np.zeros((self.num_envs, model.nsensordata))
        self._elapsed_steps = np.zeros(self.num_envs, dtype=np.int64)
        self._rngs: list[np.random.Generator | None] = [None] * self.num_envs

    @property
    def state(self) -> Array:
        """(num_envs, nstate) physics states (mjSTATE_FULLPHYSICS); assign to restore them."""
        return self._state.copy()

    @state.setter
    def state(self, state: Array) -> None:
        self._state[...] = state

    def reset(  # type: ignore[override]
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        """Start new episodes; ``seed`` is one per environment, or one int that numbers them upwards."""
        mask = np.asarray((options or {}).get("reset_mask", np.ones(self.num_envs, dtype=bool)))
        if seed is None or isinstance(seed, int):
            seed = [None if seed is None else seed + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"{len(seed)} seeds for {self.num_envs} environments; give one each")
        chosen = np.flatnonzero(mask)
        for i in chosen:
            self._state[i] = self._initial_state(i, seed[i])
        self._elapsed_steps[chosen] = 0
        self._settle(chosen)
        return self.observe(), {}

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[
        npt.NDArray[np.float32],
        npt.NDArray[np.float64],
        npt.NDArray[np.bool_],
        npt.NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Advance every environment by one control step; actions (num_envs, action_dim) are clipped."""
        control = np.clip(actions, self.single_action_space.low, self.single_action_space.high)  # type: ignore[attr-defined]
        self._state, self._sensors = self._advance(
            self.models, self._state, control.astype(np.float64), self.body.num_substeps
        )
        self._elapsed_steps += 1
        rewards = self._reward(self.body.speed(self._sensors))
        terminations = np.zeros(self.num_envs, dtype=bool)
        truncations = self._elapsed_steps >= self.horizon
        return self.observe(), rewards, terminations, truncations, {}

    def close_extras(self, **kwargs: Any) -> None:
        """Stop the physics threads."""
        self._rollout.close()

    def _initial_state(self, index: int, seed: int | None) -> Array:
        rng = self._rngs[index]
        if seed is not None or rng is None:
            rng, _ = np_random(seed)
            self._rngs[index] = rng
        model = self.models[index]
        qpos = self.body.initial_qpos(model, rng)
        # FULLPHYSICS is time, qpos, qvel and act, in this order; these bodies have no act.
        return np.concatenate([[0.0], qpos, np.zeros(model.nv)])

    def _settle(self, chosen: npt.NDArray[np.int64]) -> None:
        if self.body.num_settling_steps == 0 or not len(chosen):
            return
        models = [self.models[i] for i in chosen]
        still = np.zeros((len(chosen), models[0].nu))
        state, sensors = self._advance(
            models, self._state[chosen], still, self.body.num_settling_steps
        )
        state[:, 0] = 0.0  # dm_control sets the clock back after settling
        self._state[chosen] = state
        self._sensors[chosen] = sensors

    def _advance(
        self, models: list[mujoco.MjModel], state: Array, control: Array, num_steps: int
    ) -> tuple[Array, Array]:
        num_envs = len(models)
        # Only the last physics step matters, but rollout writes them all.
        states = np.empty((num_envs, num_steps, state.shape[1]))
        sensors = np.empty((num_envs, num_steps, self._sensors.shape[1]))
        controls = np.repeat(control[:, None, :], num_steps, axis=1)
        self._rollout.rollout(
            models,
            self._data,
            np.ascontiguousarray(state),
            controls,
            skip_checks=True,
            nstep=num_steps,
            state=states,
            sensordata=sensors,
        )
        return np.ascontiguousarray(states[:, -1]), np.ascontiguousarray(sensors[:, -1])

    def observe(self) -> npt.NDArray[np.float32]:
        """(num_envs, observation_size) of the current states."""
        nq = self.models[0].nq
        qpos, qvel = self._state[:, 1 : 1 + nq], self._state[:, 1 + nq :]
        return self.body.observe(qpos, qvel, self._sensors).astype(np.float32)


def observation_space(body: Body) -> spaces.Box:
    """The unbounded observation space of one environment of ``body``."""
    return spaces.Box(-np.inf, np.inf, (body.observation_size,), np.float32)


def action_space(model: mujoco.MjModel) -> spaces.Box:
    """The action space of one environment: the actuators' control ranges."""
    low, high = model.actuator_ctrlrange.astype(np.float32).T
    return spaces.Box(low, high, dtype=np.float32)
