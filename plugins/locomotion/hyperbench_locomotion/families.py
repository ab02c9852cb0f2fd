"""The task families: a body, a reward, and the features that vary."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, SpecSpace, TaskSpec
from hyperbench_locomotion.bodies import BODIES, HORIZON, REWARDS
from hyperbench_locomotion.env import LocomotionEnv
from hyperbench_locomotion.experts.networks import shipped_experts
from hyperbench_locomotion.physics import Array
from hyperbench_locomotion.vector_env import LocomotionVectorEnv, action_space, observation_space

CITATION = (
    "Ren et al., Optimization-Biased Hypernetworks for Generalizable Policy Generation, ICLR 2025; "
    "Rezaei-Shoshtari et al., Hypernetworks for Zero-shot Transfer in RL, AAAI 2023; "
    "Tunyasuvunakool et al., dm_control, Software Impacts 2020"
)


class LocomotionFamily(TaskFamily):
    """One body under one suite's reward; its target speed is the feature.

    Args:
        suite: decides the reward; a key of ``REWARDS``.
        body: a key of ``BODIES``.
        features: names of the features that vary.
        version: rises whenever a result would move.
    """

    def __init__(self, suite: str, body: str, features: Sequence[str], version: int = 1) -> None:
        self.body = BODIES[body]
        self._suite = suite
        self._models: dict[float | None, mujoco.MjModel] = {}
        unit, fastest = self.body.speed_unit, self.body.max_speed
        known = {"speed": Feature("speed", -fastest, fastest, unit, "reward")}
        self.spec_space = SpecSpace(tuple(known[name] for name in features))
        self.info = FamilyInfo(
            id=f"{suite}/{body}-{'-'.join(features)}-v{version}",
            summary=f"dm_control's {body} with a target {' and '.join(features)}",
            horizon=HORIZON,
            has_success=False,
            licence="Apache-2.0 (dm_control)",
            citation=CITATION,
            physics=f"mujoco {mujoco.__version__}",
            expert_version=shipped_experts(suite, body).version,
        )
        self.tasks = self.spec_space.grid(self.info.id, speed=self.body.speeds())
        self.observation_space = observation_space(self.body)
        self.action_space = action_space(self._model(None))

    def make(self, task: TaskSpec, render_mode: str | None = None) -> LocomotionEnv:
        return LocomotionEnv(self.make_vec([task]), render_mode)

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> LocomotionVectorEnv:
        return LocomotionVectorEnv(
            self.body,
            [self._model(None) for _ in tasks],
            self._specs(tasks)[:, 0],
            REWARDS[self._suite],
            horizon=HORIZON,
            num_threads=num_threads,
        )

    def expert(self, tasks: Sequence[TaskSpec]) -> MLPPolicies:
        networks = shipped_experts(self._suite, self.body.name)
        return networks.policies(self._specs(tasks), self.action_space.low, self.action_space.high)

    def _specs(self, tasks: Sequence[TaskSpec]) -> Array:
        """(num_tasks, 2) speed and length of each task, in their units."""
        return np.array([[task["speed"], self.body.nominal_length] for task in tasks])

    def _model(self, length: float | None) -> mujoco.MjModel:
        # Compiling takes milliseconds; 400 environments share a handful of models.
        if length not in self._models:
            self._models[length] = self.body.model(length)
        return self._models[length]
