"""A point to be sent in a direction, its wires crossed or not: a circle and a category."""

import gymnasium
import numpy as np
from gymnasium import spaces

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, SpecSpace

HORIZON = 25
STEP = 0.2  # m per step at full speed
GAIN = 4.0  # of the expert, per m
WIRING = ("straight", "crossed")


class Compass(gymnasium.Env):
    """Go from the middle to the point one metre away at ``direction`` degrees, and stay there.

    With crossed wires the first number of an action moves the point the other way.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def __init__(self, direction, crossed):
        self.goal = place(direction)
        self.signs = np.array([-1.0 if crossed else 1.0, 1.0])

    def reset(self, *, seed=None, options=None):
        """Start near the middle."""
        super().reset(seed=seed)
        self.position = self.np_random.uniform(-0.2, 0.2, 2)
        return self.position.astype(np.float32), {}

    def step(self, action):
        """Move by one step."""
        self.position = self.position + STEP * self.signs * np.clip(action, -1.0, 1.0)
        distance = float(np.linalg.norm(self.position - self.goal))
        info = {"success": distance < 0.1}
        return self.position.astype(np.float32), 1.0 / (1.0 + 4.0 * distance), False, False, info


def place(direction):
    """Return where a metre at ``direction`` degrees from the middle leads, (2,)."""
    angle = np.radians(direction)
    return np.array([np.cos(angle), np.sin(angle)])


class CompassFamily(TaskFamily):
    """Twelve directions by two wirings."""

    info = FamilyInfo(
        id="example/compass-v1",
        summary="a point goes in a direction, its wires crossed or not",
        horizon=HORIZON,
        has_success=True,
        licence="MIT",
        citation="hyperbench-example",
        physics="numpy",
        expert_version="analytic-1",
    )
    spec_space = SpecSpace(
        (
            Feature("direction", 0.0, 360.0, "degrees", "goal", domain="circle"),
            Feature.of_categories("wiring", WIRING, "dynamics"),
        )
    )
    tasks = spec_space.grid(info.id, direction=range(0, 360, 30), wiring=WIRING)
    observation_space = Compass.observation_space
    action_space = Compass.action_space

    def make(self, task, render_mode=None):
        """Make one point."""
        env = Compass(task["direction"], crossed=task["wiring"] == WIRING.index("crossed"))
        return gymnasium.wrappers.TimeLimit(env, self.info.horizon)

    def expert(self, tasks):
        """Steer for the goal, as fast as it is far."""
        signs = np.array([[1.0 - 2.0 * task["wiring"], 1.0] for task in tasks], dtype=np.float32)
        goals = np.array([place(task["direction"]) for task in tasks], dtype=np.float32)
        return MLPPolicies(
            weights=(-GAIN * np.eye(2, dtype=np.float32) * signs[:, None, :],),
            biases=(GAIN * goals * signs,),
            observation_mean=np.zeros(2, dtype=np.float32),
            observation_std=np.ones(2, dtype=np.float32),
            action_low=self.action_space.low,
            action_high=self.action_space.high,
            squash="clip",
        )
