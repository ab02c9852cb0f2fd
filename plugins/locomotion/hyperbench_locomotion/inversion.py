"""``inversion/cheetah-actuators-v1``: what the cheetah's motors do with an action varies.

After the actuator inversion of Benad et al., "Dynamics-Aligned Shared Hypernetworks for Zero-Shot
Actuator Inversion", arXiv 2602.06550, 2026: the motors of half of the tasks push the other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, SpecSpace, TaskSpec
from hyperbench.vector import Observations
from hyperbench_locomotion.bodies import HORIZON, reward_function
from hyperbench_locomotion.env import LocomotionEnv
from hyperbench_locomotion.families import CITATION, LocomotionFamily
from hyperbench_locomotion.physics import Array
from hyperbench_locomotion.vector_env import Flags, LocomotionVectorEnv

SPEED = 3.0
"""What every task asks for, as ``locomotion`` does: at least so fast, in m/s, forwards."""
LENGTHS = (0.3, 0.4, 0.5, 0.6, 0.7)
GAINS = (1.0, 1.5, 2.0, 2.5)


class ActuatedVectorEnv(LocomotionVectorEnv):
    """Bodies whose motors get a multiple of the action, cut off at the motors' bounds.

    Args:
        factors: (num_envs,) what an action is multiplied by.
        given: as of ``LocomotionVectorEnv``.
    """

    def __init__(self, factors: Array, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._factors = factors[:, None]

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Observations, Array, Flags, Flags, dict[str, Any]]:
        """Advance every environment; as of ``LocomotionVectorEnv.step``."""
        return super().step(actions * self._factors)


class CheetahActuators(TaskFamily):
    """40 tasks: five lengths, motors as they are or inverted, four gains.

    No gain is below 1, so that every task can do what the plain cheetah can: the expert of a task
    is that of the plain one of its length, its actions divided by what they are multiplied by.
    """

    def __init__(self) -> None:
        self._plain = LocomotionFamily("locomotion", "cheetah", ("speed", "length"))
        self.spec_space = SpecSpace(
            (
                Feature("length", LENGTHS[0], LENGTHS[-1], "m", "dynamics"),
                Feature.of_categories("motors", ["direct", "inverted"], "dynamics"),
                Feature("gain", GAINS[0], GAINS[-1], "", "dynamics"),
            )
        )
        self.info = FamilyInfo(
            id="inversion/cheetah-actuators-v1",
            summary="dm_control's cheetah with a length, and motors that are inverted or stronger",
            horizon=HORIZON,
            has_success=False,
            licence="MIT; geometry and constants of the bodies: Apache-2.0 (dm_control)",
            citation="Benad et al., arXiv 2602.06550, 2026; " + CITATION,
            physics=self._plain.info.physics,
            expert_version=f"{self._plain.info.expert_version}-symmetry-1",
            max_reward=self._plain.info.max_reward,
        )
        self.tasks = self.spec_space.grid(
            self.info.id, length=LENGTHS, motors=["direct", "inverted"], gain=GAINS
        )
        self.observation_space = self._plain.observation_space
        self.action_space = self._plain.action_space

    def make(self, task: TaskSpec, render_mode: str | None = None) -> LocomotionEnv:
        return LocomotionEnv(self.make_vec([task]), render_mode)

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> ActuatedVectorEnv:
        return ActuatedVectorEnv(
            _factors(tasks),
            self._plain.body,
            [self._plain.model(task["length"]) for task in tasks],
            [SPEED] * len(tasks),
            reward_function("locomotion", self._plain.body),
            horizon=HORIZON,
            num_threads=num_threads,
        )

    def expert(self, tasks: Sequence[TaskSpec]) -> MLPPolicies:
        plain = self._plain.expert(
            [self._plain.task(speed=SPEED, length=task["length"]) for task in tasks]
        )
        # The last layer is linear and clipped, as the motors are: what it divides by, they restore.
        share = (1.0 / _factors(tasks)).astype(np.float32)
        return replace(
            plain,
            weights=(*plain.weights[:-1], plain.weights[-1] * share[:, None, None]),
            biases=(*plain.biases[:-1], plain.biases[-1] * share[:, None]),
        )


def _factors(tasks: Sequence[TaskSpec]) -> Array:
    """(num_tasks,) what an action is multiplied by."""
    signs = np.where([task["motors"] == 1.0 for task in tasks], -1.0, 1.0)
    return signs * np.array([task["gain"] for task in tasks])
