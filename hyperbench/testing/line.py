"""A cart on a line: the smallest complete family, from which the kit makes demonstrations.

It is there for the kit, the tests and the reader; the tutorial family, with a vector environment of
its own, is ``hyperbench-pointmass``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.hookspecs import register_family
from hyperbench.policy import MLPPolicies
from hyperbench.rollout import episode_seeds
from hyperbench.task import Feature, FloatArray, SpecSpace, TaskSpec
from hyperbench.testing.trace import play, single

HORIZON = 20
TIMESTEP = 0.2
STIFFNESS = 2.0
DAMPING = 3.0
SUCCESS_DISTANCE = 0.1


class LineEnv(gymnasium.Env[FloatArray, FloatArray]):
    """A cart that should go to ``goal``, with ``gain`` times the force asked for."""

    # Bounds that are neither symmetric nor one, so that a method which assumes either is found out.
    action_space = spaces.Box(-4.0, np.float32(2.0), (1,), np.float32)
    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, task: TaskSpec) -> None:
        self.goal, self.gain = task["goal"], task["gain"]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[FloatArray, dict[str, Any]]:
        super().reset(seed=seed, options=options)
        self.position = float(self.np_random.uniform(-0.5, 0.5))
        self.velocity = 0.0
        self.num_steps = 0
        return self.observe(), {}

    def step(self, action: FloatArray) -> tuple[FloatArray, float, bool, bool, dict[str, Any]]:
        force = float(np.clip(action[0], self.action_space.low[0], self.action_space.high[0]))
        self.velocity += TIMESTEP * self.gain * force
        self.position += TIMESTEP * self.velocity
        self.num_steps += 1
        distance = abs(self.goal - self.position)
        reward = 1.0 / (1.0 + 4.0 * distance * distance)
        info = {"success": distance < SUCCESS_DISTANCE}
        return self.observe(), reward, False, self.num_steps >= HORIZON, info

    def observe(self) -> FloatArray:
        """Position and velocity, (2,)."""
        return np.array([self.position, self.velocity], dtype=np.float32)


@register_family()
class LineFamily(TaskFamily):
    """Five goals by three gains."""

    info = FamilyInfo(
        id="testing/line-v1",
        summary="a cart on a line goes to a goal it cannot see",
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
            Feature("goal", -1.0, 1.0, "m", "goal"),
            Feature("gain", 0.5, 1.5, "", "dynamics"),
        )
    )
    tasks = spec_space.grid(info.id, goal=[-1.0, -0.6, 0.6, 0.8, 1.0], gain=[0.5, 1.0, 1.5])
    observation_space = LineEnv.observation_space
    action_space = LineEnv.action_space

    def make(self, task: TaskSpec, render_mode: str | None = None) -> LineEnv:  # noqa: ARG002 -- nothing to see
        return LineEnv(task)

    def expert(self, tasks: Sequence[TaskSpec]) -> MLPPolicies:
        """Make PD controllers divided by the gain; linear, so exact."""
        goal = np.array([task["goal"] for task in tasks])
        gain = np.array([task["gain"] for task in tasks])
        low, high = self.action_space.low, self.action_space.high
        half_range = (high - low) / 2
        # The policy scales [-1, 1] to the bounds; the controller is written in force, so: undo it.
        weight = np.stack([-STIFFNESS / gain, -DAMPING / gain], axis=1)[:, :, None] / half_range
        bias = ((STIFFNESS * goal / gain)[:, None] - low) / half_range - 1.0
        return MLPPolicies(
            weights=(weight.astype(np.float32),),
            biases=(bias.astype(np.float32),),
            observation_mean=np.zeros(2, dtype=np.float32),
            observation_std=np.ones(2, dtype=np.float32),
            action_low=low,
            action_high=high,
            squash="clip",
        )


def line_demonstrations(num_episodes: int = 2) -> Demonstrations:
    """Expert episodes of every task of ``LineFamily``: what method checks fit on by default."""
    family = LineFamily()
    seeds = episode_seeds(0, "testing", family.tasks, num_episodes)
    return Demonstrations(
        specs=family.tasks,
        episodes=tuple(
            tuple(_episode(family, task, int(seed)) for seed in row)
            for task, row in zip(family.tasks, seeds, strict=True)
        ),
        action_low=family.action_space.low,
        action_high=family.action_space.high,
    )


def _episode(family: LineFamily, task: TaskSpec, seed: int) -> Episode:
    expert = family.expert([task])
    trace = play(
        single(family, task), [seed], lambda seen: expert.act(seen[:, None])[:, 0], HORIZON
    )
    return Episode(
        observations=trace.observations[:, 0].astype(np.float32),
        actions=trace.actions[:, 0],
        rewards=trace.rewards[:, 0].astype(np.float32),
        terminated=False,
        seed=seed,
    )
