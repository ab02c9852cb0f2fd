"""Physics states of many arms, advanced together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from hyperbench_mujoco import mujoco
from hyperbench_mujoco.turns import CARRIED, Turns

from hyperbench_manipulation.arm.kinematics import Array
from hyperbench_manipulation.arm.links import NUM_JOINTS
from hyperbench_manipulation.arm.model import NUM_SUBSTEPS


class ArmPhysics:
    """One arm and one cube per environment; owned by the vector environment.

    Environments take turns on one ``MjData`` per thread.

    Args:
        models: one per environment, all of equal sizes; the same object may appear many times.
        num_threads: threads that share the work. Results do not depend on it.

    Attributes:
        qpos: (num_envs, nq) arm, fingers, cube.
        qvel: (num_envs, nv) arm, fingers, cube.
        tool: (num_envs, 3) where the point between the fingertips is [m].
        turn: (num_envs, 3, 3) how the hand is turned.
        jacobian: (num_envs, 6, num_joints) of the tool, translation above rotation.
    """

    def __init__(self, models: Sequence[mujoco.MjModel], num_threads: int = 1) -> None:
        model = models[0]
        num_envs = len(models)
        self._models = models
        self._turns = Turns(partial(mujoco.MjData, model), num_envs, num_threads)
        self._every = np.arange(num_envs)
        self._site = model.site("tool").id
        self._state: Array = np.zeros((num_envs, mujoco.mj_stateSize(model, CARRIED)))
        self.qpos = self._state[:, : model.nq]
        self.qvel = self._state[:, model.nq : model.nq + model.nv]
        self.tool: Array = np.zeros((num_envs, 3))
        self.turn: Array = np.zeros((num_envs, 3, 3))
        self._full_jacobian: Array = np.zeros((num_envs, 6, model.nv))
        self.jacobian = self._full_jacobian[:, :, :NUM_JOINTS]

    def place(self, index: int, qpos: Array) -> None:
        """Start environment ``index`` afresh, at rest in ``qpos`` (nq,)."""
        model, data = self._models[index], self._turns.simulations[0]
        mujoco.mj_resetData(model, data)
        data.qpos[:] = qpos
        self._keep(index, data)

    def advance(self, control: Array) -> None:
        """Advance all environments by one control step.

        Args:
            control: (num_envs, nu) wanted positions of joints and fingers, held.
        """
        self._state[:, -control.shape[1] :] = control
        self._turns.take(self._step, self._every)

    def close(self) -> None:
        """Stop the threads."""
        self._turns.close()

    def _step(self, data: mujoco.MjData, chosen: Iterable[int]) -> None:
        for i in chosen:
            model = self._models[i]
            mujoco.mj_setState(model, data, self._state[i], CARRIED)
            mujoco.mj_step(model, data, NUM_SUBSTEPS)
            self._keep(i, data)

    def _keep(self, index: int, data: mujoco.MjData) -> None:
        model, jacobian = self._models[index], self._full_jacobian[index]
        mujoco.mj_getState(model, data, self._state[index], CARRIED)
        # After a step the frames in ``data`` are still those of its start.
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], self._site)
        self.tool[index] = data.site_xpos[self._site]
        self.turn[index].flat = data.site_xmat[self._site]
