"""``inversion/point-frame-v2``: the point mass in a frame of actions that is turned and mirrored.

The goal is always the same; which way an action pushes, only the task spec tells. A policy for one
frame, with whatever is added to its actions or its hidden units' inputs, pushes the wrong way in
another: the map from observations to actions itself must be another one.

The goal repels the mass, or a neighbour's policy would do: without that, one that pushes 54 degrees
off the way still arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, SpecSpace, TaskSpec
from hyperbench_pointmass.environment import (
    ACTION_SPACE,
    FORCE,
    HORIZON,
    OBSERVATION_SPACE,
    TIMESTEP,
    Array,
    Flags,
    Observations,
    PointMassEnv,
    PointMassVectorEnv,
)
from hyperbench_pointmass.family import GoalDrag

GOAL = (0.0, 0.0)
"""Where every task's goal is, in m."""
DRAG = 1.0
"""Every task's drag, in 1/s."""
REPULSION = 3.0
"""Acceleration away from the goal per distance to it, in 1/s^2; from the farthest start, 0.71 m, it
is 0.7 of what an action can do."""
STIFFNESS = 3.0
"""Acceleration per distance to the goal that the expert wants, in 1/s^2."""
DAMPING = 2.0
"""Deceleration per velocity that the expert wants, in 1/s."""
NUM_ANGLES = 20
_PLAIN = GoalDrag().task(goal_x=GOAL[0], goal_y=GOAL[1], drag=DRAG)
"""What every task is in an upright frame, but for the repulsion."""


class FramedVectorEnv(PointMassVectorEnv):
    """Repelled point masses whose actions are turned, and perhaps mirrored, before they push.

    Args:
        frames: (num_envs, 2, 2) orthogonal; what an action does is ``frame @ action``.
    """

    def __init__(self, frames: Array) -> None:
        super().__init__([_PLAIN] * len(frames))
        self._frames = frames

    def step(self, actions: Array) -> tuple[Observations, Array, Flags, Flags, dict[str, Any]]:
        """Advance every mass; actions (num_envs, 2), each in its own frame."""
        asked = np.clip(actions, -1.0, 1.0).astype(np.float64)
        self.velocity += TIMESTEP * REPULSION * (self.position - self.goal)
        # Not a matrix product, whose rounding depends on how many masses there are.
        return super().step((self._frames * asked[:, None, :]).sum(axis=2))


class Frame(TaskFamily):
    """40 tasks: 20 angles, each mirrored or not."""

    info = FamilyInfo(
        id="inversion/point-frame-v2",
        summary="a point mass that its goal repels; forces are turned, and perhaps mirrored",
        horizon=HORIZON,
        has_success=True,
        licence="MIT",
        citation="hyperbench; after the actuator inversion of Benad et al., arXiv 2602.06550, 2026",
        physics="numpy",
        expert_version="symmetry-2",
        max_reward=1.0,
    )
    spec_space = SpecSpace(
        (
            Feature("angle", 0.0, 360.0, "deg", "dynamics", "circle"),
            Feature.of_categories("mirrored", ["no", "yes"], "dynamics"),
        )
    )
    tasks = spec_space.grid(
        info.id,
        angle=[i * 360.0 / NUM_ANGLES for i in range(NUM_ANGLES)],
        mirrored=["no", "yes"],
    )
    observation_space = OBSERVATION_SPACE
    action_space = ACTION_SPACE

    def make(self, task: TaskSpec, render_mode: str | None = None) -> PointMassEnv:
        return PointMassEnv(self.make_vec([task]), render_mode)

    def make_vec(self, tasks: Sequence[TaskSpec], num_threads: int = 1) -> FramedVectorEnv:  # noqa: ARG002 -- numpy steps them all at once
        return FramedVectorEnv(_frames(tasks))

    def expert(self, tasks: Sequence[TaskSpec]) -> MLPPolicies:
        """Make PD controllers that undo repulsion and drag, in each task's frame.

        What they ask for beyond the bounds is cut off in the task's frame, not in the world's.
        """
        frames = _frames(tasks)  # (observed, asked): orthogonal, so this way round they turn back
        gains = -np.array([STIFFNESS + REPULSION, DAMPING - DRAG]) / FORCE
        return MLPPolicies(
            weights=(np.concatenate([gain * frames for gain in gains], 1).astype(np.float32),),
            biases=(np.zeros((len(tasks), 2), np.float32),),
            observation_mean=np.zeros(4, np.float32),
            observation_std=np.ones(4, np.float32),
            action_low=ACTION_SPACE.low,
            action_high=ACTION_SPACE.high,
            squash="clip",
        )


def _frames(tasks: Sequence[TaskSpec]) -> Array:
    """(num_tasks, 2, 2) turn of each task, after a mirror at the x axis where it has one."""
    angles = np.radians([task["angle"] for task in tasks])
    mirror = np.where([task["mirrored"] == 1.0 for task in tasks], -1.0, 1.0)
    cosine, sine = np.cos(angles), np.sin(angles)
    rows = [np.stack([cosine, -sine * mirror], -1), np.stack([sine, cosine * mirror], -1)]
    return np.stack(rows, axis=1)
