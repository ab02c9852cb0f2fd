"""Rooms with a heater whose demonstrations are not by experts."""

from dataclasses import replace

import gymnasium
import numpy as np
from hyperbench_example.thermostat import HOURS, OUTSIDE, POWER, Thermostat, ThermostatFamily

from hyperbench.policy import MLPPolicies


class DrawnThermostat(Thermostat):
    """A thermostat that can be looked at: a bar as high as the room is warm."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 -- Gymnasium's own declaration

    def __init__(self, target, leak, render_mode=None):
        super().__init__(target, leak)
        self.render_mode = render_mode

    def render(self):
        """Draw (48, 32, 3)."""
        picture = np.full((48, 32, 3), 255, np.uint8)
        picture[48 - int(np.clip(self.temperature, 1, 48)) :, 8:24] = (200, 60, 40)
        return picture


class SlowlyShown(ThermostatFamily):
    """Demonstrated by controllers that are slow, each in a way of its own; experts are not."""

    info = replace(ThermostatFamily.info, id="seams/slowly-shown-v1", expert_version="two-1")
    tasks = ThermostatFamily.spec_space.grid(
        info.id, target=range(18, 25), leak=[0.2, 0.4, 0.6, 0.8]
    )

    def make(self, task, render_mode=None):
        """Make one room."""
        env = DrawnThermostat(task["target"], task["leak"], render_mode)
        return gymnasium.wrappers.TimeLimit(env, self.info.horizon)

    def demonstrators(self, tasks):
        """Correct the error at a rate between a tenth and a fifth each step, by the task's key."""
        target = np.array([[task["target"]] for task in tasks], dtype=np.float32)
        leak = np.array([[task["leak"]] for task in tasks], dtype=np.float32)
        share = np.array([[0.1 + int(task.key, 16) % 11 / 100] for task in tasks], np.float32)
        rate = share / HOURS
        return MLPPolicies(
            weights=((2 * (leak - rate) / POWER)[:, :, None],),
            biases=(2 * (rate * target - leak * OUTSIDE) / POWER - 1,),
            observation_mean=np.zeros(1, dtype=np.float32),
            observation_std=np.ones(1, dtype=np.float32),
            action_low=self.action_space.low,
            action_high=self.action_space.high,
            squash="clip",
        )


class OnlyShown(SlowlyShown):
    """Demonstrated in the same way, and nobody knows better."""

    info = replace(SlowlyShown.info, id="seams/only-shown-v1", has_expert=False)
    tasks = ThermostatFamily.spec_space.grid(
        info.id, target=range(18, 25), leak=[0.2, 0.4, 0.6, 0.8]
    )

    def expert(self, tasks):
        """Be missed."""
        raise AssertionError("there is no expert")
