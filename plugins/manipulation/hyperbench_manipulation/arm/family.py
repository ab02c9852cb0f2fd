"""The arm's families: a task with the cube, and the factor that varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hyperbench_mujoco import mujoco

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.task import Feature, SpecSpace, TaskSpec
from hyperbench_manipulation.arm.cube import CUBE_TASKS, HOME
from hyperbench_manipulation.arm.env import ArmEnv
from hyperbench_manipulation.arm.expert import EXPERT_VERSION, CubeExperts
from hyperbench_manipulation.arm.kinematics import Array, reach
from hyperbench_manipulation.arm.model import Build, build_model
from hyperbench_manipulation.arm.names import arm_summary
from hyperbench_manipulation.arm.vector_env import (
    ACTION_SPACE,
    HORIZON,
    ArmVectorEnv,
    observation_space,
)

CITATION = (
    "Ren et al., Optimization-Biased Hypernetworks for Generalizable Policy Generation, ICLR 2025; "
    "Gu et al., ManiSkill2: A Unified Benchmark for Generalizable Manipulation Skills, ICLR 2023; "
    "Franka Emika, Robot and interface specifications (link offsets and joint limits)"
)
FACTORS = {
    "size": (Feature("size", 0.01, 0.03, "m", "object"), 0.001),
    "stiffness": (Feature("stiffness", 500.0, 1500.0, "N m/rad", "dynamics"), 50.0),
    "damping": (Feature("damping", 50.0, 150.0, "N m s/rad", "dynamics"), 5.0),
    "arm": (Feature("arm", 0.6, 2.0, "", "dynamics"), 0.1),
}
"""The published ranges and steps, each factor a field of ``Build``: 21, 21, 21 and 15 values.

``arm`` starts at 0.6, not at the published 0.5, and moves the arm's base in proportion. A shorter
arm on a base that stays where it is does not reach the whole workspace from 0.8 down, which would
leave 12 of the 16 published values; moved, 15 are left.
"""


SOURCE_FRACTION = 0.3
"""Share of source tasks that is published for the cube."""
MIN_DEMONSTRATIONS = 20
"""Demonstrations of each value. Published are a thousand successful episodes."""
EXECUTION_NOISE = 0.2
"""Noise of the demonstrations, so that they show the way back."""
REMARK = (
    "Paper-compatible, with little headroom: the policy sees the whole state and moves the hand, "
    "not the joints, so the controllers hide most of what the factor changes. One scripted expert "
    "that is told nothing of the spec solves every task, hence controls that reuse an expert do as "
    "well as the expert. Read every row beside spec-blind's: what these families show is whether a "
    "method spoils what needs no spec."
)


class ArmFamily(TaskFamily):
    """``lift`` or ``pick`` with one of the four factors of HyPoGen's manipulation setting.

    Paper-compatible: tasks, ranges, steps, the 7 actions, the control rate and the share of source
    tasks are those of LiftCube and PickCube of ManiSkill2 with a Franka Panda, as the paper varies
    them. The arm is another one, of plain shapes in MuJoCo; success does not ask for it to rest;
    goals of ``pick`` are up to 30 cm high, not 50; and episodes are cut at 100 steps, not 200.

    Their little headroom is explained by ``REMARK``, on every board.

    Args:
        name: one of ``names.ARM_FAMILIES``, such as ``lift-size``.
        version: rises whenever a result would move.
    """

    def __init__(self, name: str, version: int = 1) -> None:
        task, _, factor = name.partition("-")
        self._task = CUBE_TASKS[task]
        self._factor = factor
        self._builds: dict[float, tuple[mujoco.MjModel, Array]] = {}
        feature, step = FACTORS[factor]
        self.spec_space = SpecSpace((feature,))
        self.info = FamilyInfo(
            id=f"manipulation/{name}-v{version}",
            summary=arm_summary(name),
            horizon=HORIZON,
            has_success=True,
            licence="MIT; link offsets and joint limits are public figures of the Franka Panda",
            citation=CITATION,
            physics=f"mujoco {mujoco.__version__}",
            expert_version=EXPERT_VERSION,
            ends_at_success=True,
            execution_noise=EXECUTION_NOISE,
            source_fraction=SOURCE_FRACTION,
            min_demonstrations=MIN_DEMONSTRATIONS,
            remark=REMARK,
            max_reward=1.0,
        )
        num_values = round((feature.high - feature.low) / step) + 1
        values = np.linspace(feature.low, feature.high, num_values).tolist()
        self.tasks = self.spec_space.grid(self.info.id, **{factor: values})
        self.observation_space = observation_space(self._task)
        self.action_space = ACTION_SPACE

    def make(self, task: TaskSpec, render_mode: str | None = None) -> ArmEnv:
        return ArmEnv(self.make_vec([task]), render_mode)

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> ArmVectorEnv:
        builds = [self._build(task[self._factor]) for task in tasks]
        models, homes = zip(*builds, strict=True)
        return ArmVectorEnv(self._task, models, homes, num_threads)

    def expert(self, tasks: Sequence[TaskSpec]) -> CubeExperts:
        return CubeExperts(len(tasks))

    def _build(self, value: float) -> tuple[mujoco.MjModel, Array]:
        """Model and home of a factor's value; hundreds of environments share a handful."""
        if value not in self._builds:
            model = build_model(Build(**{self._factor: value}))
            self._builds[value] = model, reach(model, HOME)
        return self._builds[value]
