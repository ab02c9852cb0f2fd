"""The simulations of many environments of one task, stepped exactly as Meta-World steps its one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
from hyperbench_mujoco import mujoco
from hyperbench_mujoco.turns import Indices, Turns

from hyperbench_manipulation.sawyer.tasks import CRANK_RADIUS, Array, Beyond, Near, Point
from hyperbench_manipulation.sawyer.world import STATE, Start, World

_Simulation = tuple[mujoco.MjModel, mujoco.MjData]

_GRIPPER_OPENING = 0.1
"""Distance of the claws that is observed as 1 [m]."""
_HAND = Point("body", "hand")
_RIGHT_CLAW, _LEFT_CLAW = Point("body", "rightclaw"), Point("body", "leftclaw")
_RIGHT_TIP, _LEFT_TIP = Point("site", "rightEndEffector"), Point("site", "leftEndEffector")
_ARRAYS: dict[Literal["body", "geom", "site"], str] = {
    "body": "xpos",
    "geom": "geom_xpos",
    "site": "site_xpos",
}
"""Where MuJoCo keeps positions in the world."""
_MOCAP_QUAT = (1.0, 0.0, 1.0, 0.0)
"""Meta-World holds the hand upright by this."""


class SawyerPhysics:
    """One simulation per environment; owned by the vector environment.

    Environments take turns on one ``MjData`` per thread. The calls of MuJoCo that change a state
    are Meta-World's, among them the ``mj_forward`` after each control step, whose solution the
    constraint solver starts from next.
    Rewards, which take Meta-World most of its time, and orientations are not computed.

    Args:
        world: the task.
        num_envs: environments.
        num_threads: threads that share the work. Results do not depend on it.

    Attributes:
        starts: what each environment was last placed in.
    """

    def __init__(self, world: World, num_envs: int, num_threads: int) -> None:
        self.starts: list[Start | None] = [None] * num_envs
        self._world = world
        self._task = world.task
        model = world.model
        self._state: Array = np.zeros((num_envs, mujoco.mj_stateSize(model, STATE)))
        self._control = slice(model.nq + 2 * model.nv, model.nq + 2 * model.nv + model.nu)
        self._slots, self._reads = self._sources()
        self._points: Array = np.zeros((num_envs, len(self._slots), 3))
        self._targets: Array = np.zeros((num_envs, 3))
        self._turns = Turns(partial(_simulation, model), num_envs, num_threads)

    @property
    def qpos(self) -> Array:
        """(num_envs, nq) joint positions."""
        return self._state[:, : self._world.model.nq]

    @property
    def targets(self) -> Array:
        """(num_envs, 3) what is to be reached [m]."""
        return self._targets

    @property
    def hands(self) -> Array:
        """(num_envs, 3) the hand, within the bounds of its observation [m]."""
        hands: Array = np.clip(self._position(_HAND), *self._world.hand_bounds)
        return hands

    @property
    def openings(self) -> Array:
        """(num_envs,) how far the gripper is open, in [0, 1]."""
        distances = _norms(self._position(_RIGHT_CLAW) - self._position(_LEFT_CLAW))
        openings: Array = np.clip(distances / _GRIPPER_OPENING, 0.0, 1.0)
        return openings

    @property
    def objects(self) -> Array:
        """(num_envs, 3) the object [m]."""
        return self._position(self._task.object) + self._object_offsets()

    def successes(self) -> npt.NDArray[np.bool_]:
        """(num_envs,) whether the task is done."""
        rule = self._task.success
        if isinstance(rule, Beyond):
            return self.qpos[:, self._address(rule.joint)] > rule.position
        if rule.point is None:
            judged = self.objects
        elif isinstance(rule.point, Point):
            judged = self._position(rule.point)
        else:
            judged = (self._position(_RIGHT_TIP) + self._position(_LEFT_TIP)) / 2.0
        return _norms((judged - self._targets) * rule.scale) <= rule.radius

    def place(self, index: int, start: Start) -> None:
        """Put environment ``index`` into a start; positions are read from the next step on."""
        self.starts[index] = start
        self._state[index] = start.state
        self._targets[index] = start.target

    def advance(self, chosen: Indices, actions: npt.NDArray[np.float32]) -> None:
        """Advance some environments by one control step.

        Args:
            chosen: (n,) which.
            actions: (n, 4) in [-1, 1]: how the hand shall move along x, y and z, and how hard the
                gripper shall close. Their precision is float32, like that of Meta-World's.
        """
        aims = self._state[chosen, -3:] + actions[:, :3] * self._world.action_scale
        self._state[chosen, -3:] = np.clip(aims, *self._world.mocap_bounds)
        self._state[chosen, self._control] = np.stack([actions[:, 3], -actions[:, 3]], axis=1)
        self._turns.take(self._step, chosen)

    def close(self) -> None:
        """Stop the threads."""
        self._turns.close()

    def _step(self, simulation: _Simulation, chosen: Sequence[int]) -> None:
        model, data = simulation
        placed = None
        for i in chosen:
            start, state = self.starts[i], self._state[i]
            if start is not placed and start is not None:
                model.body_pos[:] = start.body_pos
                placed = start
            mujoco.mj_setState(model, data, state, STATE)
            mujoco.mj_step(model, data, self._world.num_substeps)
            mujoco.mj_forward(model, data)
            mujoco.mj_getState(model, data, state, STATE)
            points = self._points[i]
            for name, slots, ids in self._reads:
                points[slots] = getattr(data, name)[ids]

    def _position(self, point: Point) -> Array:
        positions: Array = self._points[:, self._slots[point]]
        return positions

    def _sources(self) -> tuple[dict[Point, int], list[tuple[str, slice, Indices]]]:
        """In which slot which point is kept, and from which array of MuJoCo's it is read."""
        points = {_HAND, _RIGHT_CLAW, _LEFT_CLAW, self._task.object}
        rule = self._task.success
        if isinstance(rule, Near):
            points |= {rule.point} if isinstance(rule.point, Point) else {_RIGHT_TIP, _LEFT_TIP}
        slots: dict[Point, int] = {}
        reads = []
        for kind, array in _ARRAYS.items():
            names = sorted(point.name for point in points if point.kind == kind)
            first = len(slots)
            slots |= {Point(kind, name): first + i for i, name in enumerate(names)}
            ids = [getattr(self._world.model, kind)(name).id for name in names]
            if ids:
                reads.append((array, slice(first, len(slots)), np.array(ids)))
        return slots, reads

    def _object_offsets(self) -> Array:
        if self._task.crank is None:
            return np.array(self._task.object_offset)
        angles = self.qpos[:, self._address(self._task.crank)]
        circle = np.stack([np.sin(angles), -np.cos(angles), np.zeros_like(angles)], axis=1)
        return circle * CRANK_RADIUS

    def _address(self, joint: str) -> int:
        return int(self._world.model.joint(joint).qposadr[0])


def _simulation(model: mujoco.MjModel) -> _Simulation:
    # A model of its own for each thread, because furniture stands elsewhere in each start.
    model = copy.copy(model)
    data = mujoco.MjData(model)
    data.mocap_quat[:] = _MOCAP_QUAT
    return model, data


def _norms(vectors: Array) -> Array:
    """Euclidean lengths (n,) of (n, 3), to the last bit those of ``np.linalg.norm`` of each."""
    squares = vectors[:, None, :] @ vectors[:, :, None]
    lengths: Array = np.sqrt(squares[:, 0, 0])
    return lengths
