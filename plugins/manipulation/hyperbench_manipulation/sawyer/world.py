"""Meta-World's own environment of a task, from which models and starts are taken."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from hyperbench_mujoco import mujoco
from hyperbench_mujoco.turns import CARRIED
from metaworld.env_dict import ALL_V3_ENVIRONMENTS

from hyperbench_manipulation.sawyer.tasks import Array, SawyerTask

STATE = CARRIED | int(mujoco.mjtState.mjSTATE_MOCAP_POS)
"""All that a step of Meta-World needs of the one before, as MuJoCo's bits, stored in this order."""


@dataclass(frozen=True)
class Start:
    """What Meta-World's reset makes of a layout.

    Args:
        state: of the simulation, as ``STATE`` says.
        body_pos: (num_bodies, 3) of the model, in which a reset moves furniture [m].
        site_pos: (num_sites, 3) of the model, in which a reset moves marks [m].
        object: (3,) where Meta-World observes the object [m].
        target: (3,) what nearness is measured to, and Meta-World's goal [m].
    """

    state: Array
    body_pos: Array
    site_pos: Array
    object: Array
    target: Array


class World:
    """One task's model and its starts; made once, shared by a family's environments, never stepped.

    Args:
        task: which task.

    Attributes:
        model: the model; copy it before changing it.
        mocap_bounds: (2, 3) lowest and highest position that an action moves the hand to [m].
        hand_bounds: (2, 3) between which the hand is observed [m].
        action_scale: how far an action of 1 moves the hand [m].
        num_substeps: physics steps per control step.
    """

    def __init__(self, task: SawyerTask) -> None:
        self.task = task
        with warnings.catch_warnings():
            # Meta-World casts its own bounds of actions.
            warnings.filterwarnings("ignore", category=UserWarning, module="gymnasium")
            env = ALL_V3_ENVIRONMENTS[task.metaworld]()
        # As after its ``set_task``, which would read the layout from a pickle.
        env._set_task_called = True
        env._freeze_rand_vec = True
        self._env = env
        self._starts: dict[bytes, Start] = {}
        self.model: mujoco.MjModel = env.model
        self.mocap_bounds = np.stack([env.mocap_low, env.mocap_high])
        self.hand_bounds = np.stack([env._HAND_SPACE.low, env._HAND_SPACE.high])
        self.action_scale: float = env.action_scale
        self.num_substeps: int = env.frame_skip

    def start(self, layout: Array) -> Start:
        """Reset Meta-World's environment with ``layout`` drawn; remembered.

        Args:
            layout: (3,) or (6,), a feasible one [m]; with another one this would not return.
        """
        key = layout.tobytes()
        if key not in self._starts:
            if not self.task.is_feasible(layout):
                raise ValueError(f"layout {layout} is not feasible")
            env = self._env
            env._last_rand_vec = layout.copy()
            observation, _ = env.reset()
            state = np.empty(mujoco.mj_stateSize(env.model, STATE))
            mujoco.mj_getState(env.model, env.data, state, STATE)
            self._starts[key] = Start(
                state,
                env.model.body_pos.copy(),
                env.model.site_pos.copy(),
                observation[4:7].copy(),
                np.array(env._target_pos, np.float64),
            )
        return self._starts[key]
