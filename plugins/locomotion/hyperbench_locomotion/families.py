"""The task families: a body, a reward, and the features that vary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hyperbench_mujoco import mujoco

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, FeatureKind, SpecSpace, TaskSpec
from hyperbench_locomotion.bodies import BODIES, HORIZON, judged_seconds, reward_function
from hyperbench_locomotion.env import LocomotionEnv
from hyperbench_locomotion.experts.networks import expert_version, shipped_experts
from hyperbench_locomotion.grids import LENGTH_FAMILY_TARGET, grid
from hyperbench_locomotion.physics import Array
from hyperbench_locomotion.vector_env import LocomotionVectorEnv, action_space, observation_space

CITATION = (
    "Ren et al., Optimization-Biased Hypernetworks for Generalizable Policy Generation, ICLR 2025; "
    "Rezaei-Shoshtari et al., Hypernetworks for Zero-shot Transfer in RL, AAAI 2023; "
    "Tassa et al., DeepMind Control Suite, 2018; "
    "Tunyasuvunakool et al., dm_control, Software Impacts 2020"
)
_KINDS: dict[str, FeatureKind] = {"speed": "reward", "length": "dynamics"}
_PHRASES = {"speed": "a target speed", "length": "a length of its own"}


class LocomotionFamily(TaskFamily):
    """One body under one suite's reward; its target speed, its length or both are the features.

    A body whose length is no feature has dm_control's own. A target speed that is no feature is 1
    in the positive direction, as in HyperZero: forwards, in m/s, or anticlockwise, in rad/s.
    With the reward of ``locomotion`` that is slow, so its length families are easy.
    Grids and their sizes: ``grids.grid``.

    Args:
        suite: decides the reward: ``locomotion`` or ``tracking``.
        body: a key of ``BODIES``.
        features: ``speed``, ``length`` or both, in this order.
        version: rises whenever a result would move.
    """

    def __init__(self, suite: str, body: str, features: Sequence[str], version: int = 1) -> None:
        self.body = BODIES[body]
        self._suite = suite
        self._models: dict[float, mujoco.MjModel] = {}
        values = grid(suite, self.body, features)
        units = {"speed": self.body.speed_unit, "length": "m"}
        self.spec_space = SpecSpace(
            tuple(
                Feature(name, values[name][0], values[name][-1], units[name], _KINDS[name])
                for name in features
            )
        )
        self.info = FamilyInfo(
            id=f"{suite}/{body}-{'-'.join(features)}-v{version}",
            summary=f"dm_control's {body} with {' and '.join(_PHRASES[name] for name in features)}",
            horizon=HORIZON,
            has_success=False,
            licence="MIT; geometry and constants of the bodies: Apache-2.0 (dm_control)",
            citation=CITATION,
            physics=f"mujoco {mujoco.__version__}",
            expert_version=expert_version(suite, body),
            max_reward=1.0,
        )
        self.tasks = self.spec_space.grid(self.info.id, **values)
        self.observation_space = observation_space(self.body)
        self.action_space = action_space(self.model(self.body.nominal_length))

    def make(self, task: TaskSpec, render_mode: str | None = None) -> LocomotionEnv:
        return LocomotionEnv(self.make_vec([task]), render_mode)

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> LocomotionVectorEnv:
        targets, lengths = self._specs(tasks).T
        return LocomotionVectorEnv(
            self.body,
            [self.model(length) for length in lengths.tolist()],
            targets,
            reward_function(self._suite, self.body),
            horizon=HORIZON,
            judged_seconds=judged_seconds(self._suite, self.body),
            num_threads=num_threads,
        )

    def expert(self, tasks: Sequence[TaskSpec]) -> MLPPolicies:
        networks = shipped_experts(self._suite, self.body.name)
        return networks.policies(self._specs(tasks), self.action_space.low, self.action_space.high)

    def _specs(self, tasks: Sequence[TaskSpec]) -> Array:
        """(num_tasks, 2) speed and length of each task, in their units."""
        fixed = {"speed": LENGTH_FAMILY_TARGET, "length": self.body.nominal_length}
        specs = [fixed | dict(zip(self.spec_space.names, t.values, strict=True)) for t in tasks]
        return np.array([[spec["speed"], spec["length"]] for spec in specs])

    def model(self, length: float) -> mujoco.MjModel:
        """The body at a length in m, compiled once."""
        # Compiling takes milliseconds; 400 environments share a handful of models.
        if length not in self._models:
            self._models[length] = self.body.model(length)
        return self._models[length]
