"""``pointmass/goal-drag-v1``: bring a point mass to a goal and keep it there.

The observation holds position and velocity; where the goal is and how strong the drag, only the
task spec tells. A policy that ignores its spec therefore goes to the wrong place.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, SpecSpace, TaskSpec
from hyperbench_pointmass.environment import (
    ACTION_SPACE,
    FORCE,
    HORIZON,
    OBSERVATION_SPACE,
    PointMassEnv,
    PointMassVectorEnv,
)

STIFFNESS = 9.0
"""Acceleration per distance to the goal that the expert wants, in 1/s^2."""
DAMPING = 6.0
"""Deceleration per velocity that the expert wants, in 1/s; 2 sqrt(STIFFNESS) does not overshoot."""


class GoalDrag(TaskFamily):
    """48 tasks: a grid of 4 x 4 goals, each with three drags."""

    info = FamilyInfo(
        id="pointmass/goal-drag-v1",
        summary="a 2-D point mass finds a goal it cannot see, against a drag it cannot feel",
        horizon=HORIZON,
        has_success=True,
        licence="MIT",
        citation="hyperbench",
        physics="numpy",
        expert_version="analytic-1",
        max_reward=1.0,
    )
    spec_space = SpecSpace(
        (
            Feature("goal_x", -1.0, 1.0, "m", "goal"),
            Feature("goal_y", -1.0, 1.0, "m", "goal"),
            Feature("drag", 0.0, 4.0, "1/s", "dynamics"),
        )
    )
    tasks = spec_space.grid(
        info.id,
        goal_x=np.linspace(-1.0, 1.0, 4).tolist(),
        goal_y=np.linspace(-1.0, 1.0, 4).tolist(),
        drag=[0.0, 2.0, 4.0],
    )
    observation_space = OBSERVATION_SPACE
    action_space = ACTION_SPACE

    def make(self, task: TaskSpec, render_mode: str | None = None) -> PointMassEnv:
        return PointMassEnv(PointMassVectorEnv([task]), render_mode)

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> PointMassVectorEnv:  # noqa: ARG002 -- numpy steps them all at once
        return PointMassVectorEnv(tasks)

    def expert(self, tasks: Sequence[TaskSpec]) -> MLPPolicies:
        """Make PD controllers that subtract the drag: one linear layer, exact for every spec.

        The wanted acceleration is ``STIFFNESS * (goal - position) - DAMPING * velocity``; the mass
        feels ``FORCE * action - drag * velocity``; solved for the action, that is linear.
        """
        num_tasks = len(tasks)
        drag = np.array([task["drag"] for task in tasks])
        goal = np.array([(task["goal_x"], task["goal_y"]) for task in tasks])  # (num_tasks, 2)
        weight = np.zeros((num_tasks, 4, 2), dtype=np.float32)
        for axis in range(2):
            weight[:, axis, axis] = -STIFFNESS / FORCE
            weight[:, 2 + axis, axis] = -(DAMPING - drag) / FORCE
        return MLPPolicies(
            weights=(weight,),
            biases=((STIFFNESS / FORCE * goal).astype(np.float32),),
            observation_mean=np.zeros(4, dtype=np.float32),
            observation_std=np.ones(4, dtype=np.float32),
            action_low=ACTION_SPACE.low,
            action_high=ACTION_SPACE.high,
            squash="clip",
        )
