"""The families of Meta-World: hidden layouts, and turned control frames."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from importlib.metadata import version as version_of

import numpy as np

from hyperbench.errors import SpecError
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.task import Feature, SpecSpace, TaskSpec
from hyperbench_manipulation.sawyer.env import SawyerEnv
from hyperbench_manipulation.sawyer.experts import FrameExperts, GoalExperts, expert_version
from hyperbench_manipulation.sawyer.layouts import layout_values
from hyperbench_manipulation.sawyer.names import sawyer_summary
from hyperbench_manipulation.sawyer.tasks import TASKS, Array
from hyperbench_manipulation.sawyer.vector_env import (
    ACTION_SPACE,
    HORIZON,
    SawyerVectorEnv,
    observation_space,
)
from hyperbench_manipulation.sawyer.world import World

NUM_ANGLES = 28
EXECUTION_NOISE = 0.2
SOURCE_FRACTION = 0.3
_CITATION = (
    "Yu et al., Meta-World: A Benchmark and Evaluation for Multi-Task and Meta Reinforcement "
    "Learning, CoRL 2019; McLean et al., Meta-World+, NeurIPS 2025"
)


class _SawyerFamily(TaskFamily):
    """What both kinds of families share: a task of Meta-World, its world and its info."""

    def __init__(self, name: str, version: int) -> None:
        kind, _, task = name.partition("-")
        self.metaworld_task = TASKS[task]
        self.info = FamilyInfo(
            id=f"manipulation/{name}-v{version}",
            summary=sawyer_summary(name),
            horizon=HORIZON,
            has_success=True,
            licence=f"MIT (Meta-World {version_of('metaworld')})",
            citation=_CITATION,
            physics=f"mujoco {version_of('mujoco')}, metaworld {version_of('metaworld')}",
            expert_version=expert_version(self.metaworld_task),
            ends_at_success=True,
            execution_noise=EXECUTION_NOISE,
            source_fraction=SOURCE_FRACTION,
            max_reward=1.0,
        )
        self.observation_space = observation_space(shows_object=kind == "frame")
        self.action_space = ACTION_SPACE

    def make(self, task: TaskSpec, render_mode: str | None = None) -> SawyerEnv:
        return SawyerEnv(self.make_vec([task]), render_mode)

    @cached_property
    def world(self) -> World:
        """The task's world, which takes a second to load and its layouts' starts 20 ms each."""
        return World(self.metaworld_task)


class GoalFamily(_SawyerFamily):
    """One task of Meta-World in 50 layouts, which the policy does not see.

    It observes hand and gripper, the spec is where object and goal are. What varies in a task and
    within what range is Meta-World's (``tasks.TASKS``); the layouts were drawn once and are stored.

    Args:
        name: one of ``names.GOAL_FAMILIES``, such as ``goal-push``.
        version: rises whenever a result would move.
    """

    def __init__(self, name: str, version: int = 1) -> None:
        super().__init__(name, version)
        self.spec_space = SpecSpace(self.metaworld_task.features)
        self.tasks = tuple(
            self.task(**values) for values in layout_values(name.removeprefix("goal-"))
        )

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> SawyerVectorEnv:
        layouts = [[self._layout(task)] for task in tasks]
        return SawyerVectorEnv(
            self.world,
            layouts,
            np.zeros(len(layouts)),
            shows_object=False,
            num_threads=num_threads,
        )

    def expert(self, tasks: Sequence[TaskSpec]) -> GoalExperts:
        starts = [self.world.start(self._layout(task)) for task in tasks]
        return GoalExperts(self.metaworld_task, starts)

    def _layout(self, task: TaskSpec) -> Array:
        values = dict(zip(task.space.names, task.values, strict=True))
        layout = self.metaworld_task.vector(values)
        if not self.metaworld_task.is_feasible(layout):
            raise SpecError(
                f"Task {task.label} of {self.info.id}: object and goal are "
                f"{np.linalg.norm(layout[:2] - layout[3:5]):.3g} m apart in the plane, and "
                f"Meta-World asks for {self.metaworld_task.least_distance:g} m. Move one away."
            )
        return layout


class FrameFamily(_SawyerFamily):
    """One task of Meta-World whose control frame is turned about the vertical by a given angle.

    Object and goal are observed, and an episode's layout is one of the task's stored ones, drawn
    from its seed. The spec is the angle's cosine and sine; of a pair off the circle the direction
    counts.

    Args:
        name: one of ``names.FRAME_FAMILIES``, such as ``frame-push``.
        version: rises whenever a result would move.
    """

    def __init__(self, name: str, version: int = 1) -> None:
        super().__init__(name, version)
        self._task = name.removeprefix("frame-")
        self.spec_space = SpecSpace(
            (Feature("cos", -1.0, 1.0, "", "dynamics"), Feature("sin", -1.0, 1.0, "", "dynamics"))
        )
        angles = 2 * np.pi * np.arange(NUM_ANGLES) / NUM_ANGLES
        self.tasks = tuple(self.task(cos=np.cos(a), sin=np.sin(a)) for a in angles)

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> SawyerVectorEnv:
        layouts = [self.metaworld_task.vector(values) for values in layout_values(self._task)]
        return SawyerVectorEnv(
            self.world,
            [layouts] * len(tasks),
            self._angles(tasks),
            shows_object=True,
            num_threads=num_threads,
        )

    def expert(self, tasks: Sequence[TaskSpec]) -> FrameExperts:
        return FrameExperts(self.metaworld_task, self._angles(tasks))

    def _angles(self, tasks: Sequence[TaskSpec]) -> Array:
        return np.array([np.arctan2(task["sin"], task["cos"]) for task in tasks])
