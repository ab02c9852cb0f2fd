"""A room with a heater: an ordinary Gymnasium environment, and the family of tasks made of it."""

import gymnasium
import numpy as np
from gymnasium import spaces

from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.policy import MLPPolicies
from hyperbench.task import Feature, SpecSpace

OUTSIDE = 10.0  # degrees C
POWER = 20.0  # degrees C per hour at full heat
HOURS = 0.25  # per step


class Thermostat(gymnasium.Env):
    """Keep a room at ``target`` degrees C while it loses heat at rate ``leak`` per hour.

    The fuse blows, and the episode is over, when the room gets hotter than 40 degrees.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = spaces.Box(0.0, 1.0, (1,), np.float32)

    def __init__(self, target, leak):
        self.target = target
        self.leak = leak

    def reset(self, *, seed=None, options=None):
        """Start anywhere between 12 and 28 degrees."""
        super().reset(seed=seed)
        self.temperature = self.np_random.uniform(12.0, 28.0)
        return np.array([self.temperature], dtype=np.float32), {}

    def step(self, action):
        """Heat for a quarter of an hour."""
        heat = POWER * float(np.clip(action[0], 0.0, 1.0))
        self.temperature += HOURS * (heat - self.leak * (self.temperature - OUTSIDE))
        reward = max(0.0, 1.0 - abs(self.temperature - self.target) / 5.0)
        observation = np.array([self.temperature], dtype=np.float32)
        return observation, reward, self.temperature > 40.0, False, {}


class ThermostatFamily(TaskFamily):
    """Seven targets by four leaks."""

    info = FamilyInfo(
        id="example/thermostat-v1",
        summary="heat a leaky room to a target temperature",
        horizon=48,
        has_success=False,
        licence="MIT",
        citation="hyperbench-example",
        physics="numpy",
        expert_version="analytic-1",
    )
    spec_space = SpecSpace(
        (
            Feature("target", 18.0, 24.0, "degrees C", "goal"),
            Feature("leak", 0.2, 0.8, "1/h", "dynamics"),
        )
    )
    tasks = spec_space.grid(info.id, target=range(18, 25), leak=[0.2, 0.4, 0.6, 0.8])
    observation_space = Thermostat.observation_space
    action_space = Thermostat.action_space

    def make(self, task, render_mode=None):
        """Make one room."""
        env = Thermostat(task["target"], task["leak"])
        return gymnasium.wrappers.TimeLimit(env, self.info.horizon)

    def expert(self, tasks):
        """Replace what leaks, and halve the error each step: linear in the temperature."""
        target = np.array([[task["target"]] for task in tasks], dtype=np.float32)
        leak = np.array([[task["leak"]] for task in tasks], dtype=np.float32)
        rate = 0.5 / HOURS
        weight = (leak - rate) / POWER
        bias = (rate * target - leak * OUTSIDE) / POWER
        return MLPPolicies(
            weights=(2 * weight[:, :, None],),  # 2 x - 1: outputs in [-1, 1] become heat in [0, 1]
            biases=(2 * bias - 1,),
            observation_mean=np.zeros(1, dtype=np.float32),
            observation_std=np.ones(1, dtype=np.float32),
            action_low=self.action_space.low,
            action_high=self.action_space.high,
            squash="clip",
        )
