"""Physics states of many models, advanced together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from hyperbench_mujoco import mujoco
from hyperbench_mujoco.turns import CARRIED, Indices, Turns
from mujoco.rollout import Rollout

Array = npt.NDArray[np.float64]

_MIN_SHARED_STEPS = 5
"""With fewer physics steps a call, threads spend more on handing over Python's lock than they win:
fingers, of 2, were advanced 1.4 times slower by two threads than by one (docs/performance.md)."""


class Physics(ABC):
    """One physics state per environment; owned by the vector environment.

    Args:
        models: one compiled model per environment; the same object may appear many times.
        num_threads: threads that share the work. Results do not depend on it.

    Attributes:
        models: as given; entries change only through ``place``.
        qpos: (num_envs, nq) joint positions.
        qvel: (num_envs, nv) joint velocities.
        sensors: (num_envs, nsensordata).
    """

    qpos: Array
    qvel: Array
    sensors: Array

    def __init__(self, models: Sequence[mujoco.MjModel], num_threads: int) -> None:
        self.models = list(models)
        self.num_threads = max(1, min(num_threads, len(self.models)))
        model = self.models[0]
        self.sensors = np.zeros((len(self.models), model.nsensordata))

    @abstractmethod
    def place(
        self,
        index: int,
        qpos: Array,
        qvel: Array | None = None,
        model: mujoco.MjModel | None = None,
    ) -> None:
        """Start environment ``index`` afresh.

        Args:
            index: which environment.
            qpos: (nq,) joint positions.
            qvel: (nv,) joint velocities; None is rest.
            model: replaces the environment's model by one of equal sizes; None keeps it.
        """

    @abstractmethod
    def advance(self, chosen: Indices, control: Array, num_steps: int) -> None:
        """Advance the chosen environments.

        Args:
            chosen: (n,) which environments.
            control: (num_envs, nu) actuator controls, held.
            num_steps: physics steps.
        """

    @abstractmethod
    def settle(self, chosen: Indices, num_steps: int) -> None:
        """Advance the chosen environments by ``num_steps`` physics steps without control."""

    @abstractmethod
    def close(self) -> None:
        """Stop the threads."""


class RolloutPhysics(Physics):
    """Physics in C++ threads, by ``mujoco.rollout``: the fastest where a step is short.

    The constraint solver starts every physics step from zero rather than from the last solution.
    Sensor values belong to the *start* of the last physics step, those of dm_control to its end.
    """

    def __init__(self, models: Sequence[mujoco.MjModel], num_threads: int) -> None:
        super().__init__(models, num_threads)
        model = self.models[0]
        # A pool of one thread only adds a hand-over: with 0 the caller's thread does the work.
        self._rollout = Rollout(nthread=self.num_threads if num_threads > 1 else 0)
        self._data = [mujoco.MjData(model) for _ in range(self.num_threads)]
        num_state = mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS.value)
        # A row is time, qpos, qvel; these bodies have no activations.
        self._state: Array = np.zeros((len(self.models), num_state))
        self._split = 1 + model.nq

    @property
    def qpos(self) -> Array:  # type: ignore[override]
        return self._state[:, 1 : self._split]

    @property
    def qvel(self) -> Array:  # type: ignore[override]
        return self._state[:, self._split :]

    def place(
        self,
        index: int,
        qpos: Array,
        qvel: Array | None = None,
        model: mujoco.MjModel | None = None,
    ) -> None:
        self._state[index, 0] = 0.0
        self._state[index, 1 : self._split] = qpos
        self._state[index, self._split :] = 0.0 if qvel is None else qvel
        self.sensors[index] = 0.0
        if model is not None:
            self.models[index] = model

    def advance(self, chosen: Indices, control: Array, num_steps: int) -> None:
        models = [self.models[i] for i in chosen]
        state, sensors = self._advanced(models, self._state[chosen], control[chosen], num_steps)
        self._state[chosen], self.sensors[chosen] = state, sensors

    def settle(self, chosen: Indices, num_steps: int) -> None:
        if len(chosen) and num_steps:
            self.advance(chosen, np.zeros((len(self.models), self.models[0].nu)), num_steps)

    def close(self) -> None:
        self._rollout.close()

    def _advanced(
        self, models: list[mujoco.MjModel], state: Array, control: Array, num_steps: int
    ) -> tuple[Array, Array]:
        num_envs = len(models)
        # Only the last physics step matters, but rollout writes them all.
        states = np.empty((num_envs, num_steps, state.shape[1]))
        sensors = np.empty((num_envs, num_steps, self.sensors.shape[1]))
        self._rollout.rollout(
            models,
            self._data,
            state,
            np.repeat(control[:, None, :], num_steps, axis=1),
            skip_checks=True,
            nstep=num_steps,
            state=states,
            sensordata=sensors,
        )
        return np.ascontiguousarray(states[:, -1]), np.ascontiguousarray(sensors[:, -1])


class SteppedPhysics(Physics):
    """Physics that remembers the solver's last solution, stepped from Python.

    Agrees with dm_control bit by bit, because the constraint solver starts from its last solution
    and sensor values belong to the end of the last physics step. ``mujoco.rollout`` can do neither.
    Environments take turns on one ``MjData`` per thread.
    """

    def __init__(self, models: Sequence[mujoco.MjModel], num_threads: int) -> None:
        super().__init__(models, num_threads)
        model, num_envs = self.models[0], len(self.models)
        self._turns = Turns(partial(mujoco.MjData, model), num_envs, num_threads)
        self._state: Array = np.zeros((num_envs, mujoco.mj_stateSize(model, CARRIED)))
        self._sees_motion = bool((model.sensor_needstage != mujoco.mjtStage.mjSTAGE_ACC).any())

    @property
    def qpos(self) -> Array:  # type: ignore[override]
        return self._state[:, : self.models[0].nq]

    @property
    def qvel(self) -> Array:  # type: ignore[override]
        model = self.models[0]
        return self._state[:, model.nq : model.nq + model.nv]

    def place(
        self,
        index: int,
        qpos: Array,
        qvel: Array | None = None,
        model: mujoco.MjModel | None = None,
    ) -> None:
        if model is not None:
            self.models[index] = model
        model, data = self.models[index], self._turns.simulations[0]
        mujoco.mj_resetData(model, data)
        data.qpos[:] = qpos
        data.qvel[:] = 0.0 if qvel is None else qvel
        # dm_control resets with actuation disabled, which at zero control changes nothing.
        mujoco.mj_forward(model, data)
        self._keep(index, data)

    def advance(self, chosen: Indices, control: Array, num_steps: int) -> None:
        self._state[chosen, -control.shape[1] :] = control[chosen]
        step = partial(self._step, num_steps=num_steps)
        self._turns.take(step, chosen, shared=num_steps >= _MIN_SHARED_STEPS)

    def settle(self, chosen: Indices, num_steps: int) -> None:
        if num_steps:
            self._state[chosen, -self.models[0].nu :] = 0.0
            step = partial(self._step, num_steps=num_steps)
            self._turns.take(step, chosen, shared=False)

    def close(self) -> None:
        self._turns.close()

    def _step(self, data: mujoco.MjData, chosen: Iterable[int], num_steps: int) -> None:
        for i in chosen:
            model = self.models[i]
            mujoco.mj_setState(model, data, self._state[i], CARRIED)
            mujoco.mj_step(model, data, num_steps)
            if self._sees_motion:
                # Sensors of positions and velocities are still those of the last step's start;
                # those of forces are left there, as dm_control does.
                mujoco.mj_step1(model, data)
            self._keep(i, data)

    def _keep(self, index: int, data: mujoco.MjData) -> None:
        mujoco.mj_getState(self.models[index], data, self._state[index], CARRIED)
        self.sensors[index] = data.sensordata
