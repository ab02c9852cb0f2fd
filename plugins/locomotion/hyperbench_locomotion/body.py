"""What the vector environment needs to know about a body."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar
from xml.etree import ElementTree

import numpy as np
from hyperbench_mujoco import mujoco

from hyperbench_locomotion.mjcf import Element
from hyperbench_locomotion.physics import Array, Physics
from hyperbench_locomotion.rewards import RewardFunction


class Body(ABC):
    """One dm_control body: its model, what it observes, where it starts, how fast it moves.

    A body is stateless; the vector environment owns the physics and passes it in.
    """

    name: ClassVar[str]
    """Name of the dm_control domain the body is taken from."""
    camera: ClassVar[str]
    """The model's camera, which keeps the body in view."""
    num_substeps: ClassVar[int]
    """Physics steps per control step."""
    num_settling_steps: ClassVar[int]
    """Physics steps without control that follow a reset, as dm_control does."""
    carries_warm_start: ClassVar[bool] = False
    """Whether the constraint solver must start from the last solution to agree with dm_control."""
    observation_size: ClassVar[int]
    """Length of the observation vector."""
    max_speed: ClassVar[float]
    """Fastest target of the published benchmark, in ``speed_unit``."""
    speed_step: ClassVar[float]
    """Distance between published targets, in ``speed_unit``; the slowest target is one step."""
    speed_unit: ClassVar[str]
    """``m/s`` or ``rad/s``."""
    joint_speeds: ClassVar[tuple[float, ...]]
    """Target speeds, in ``speed_unit``, of the families that vary speed and length, one sign."""
    tracking_range: ClassVar[tuple[float, float]]
    """Fastest speeds backwards and forwards, in ``speed_unit``, that tracking asks for."""
    slowest_tracked: ClassVar[float] = 0.0
    """Slowest target, in ``speed_unit``, that tracking asks for."""
    stroke_seconds: ClassVar[float] = 0.0
    """Over how long tracking takes the mean of a speed that comes in strokes [s]; 0: not at all."""
    slow_speed: ClassVar[float]
    """Below this target, in ``speed_unit``, tracking stops being stricter with slower targets."""
    length_range: ClassVar[tuple[float, float]]
    """Shortest and longest published body [m]."""
    nominal_length: ClassVar[float]
    """Length [m] of dm_control's own body."""

    @abstractmethod
    def build(self, length: float) -> Element:
        """The body at ``length`` [m], as the root of an MJCF tree."""

    @abstractmethod
    def initial_qpos(self, model: mujoco.MjModel, rng: np.random.Generator) -> Array:
        """Draw the joint positions (nq,) of one episode's start, before settling."""

    @abstractmethod
    def observe(self, physics: Physics) -> Array:
        """(num_envs, observation_size) of the current states."""

    @abstractmethod
    def speed(self, physics: Physics) -> Array:
        """(num_envs,) signed speeds, in ``speed_unit``."""

    def reward(
        self,
        physics: Physics,  # noqa: ARG002 - a body may judge more of the states than their speed
        speeds: Array,
        targets: Array,
        speed_reward: RewardFunction,
    ) -> Array:
        """Judge the step that led to the current states.

        Args:
            physics: the states.
            speeds: (num_envs,) speeds to judge, in ``speed_unit``.
            targets: (num_envs,) target speeds, in ``speed_unit``.
            speed_reward: the suite's reward for speed.

        Returns:
            (num_envs,) rewards in [0, 1].
        """
        return speed_reward(speeds, targets)

    def speeds(self) -> tuple[float, ...]:
        """The published target speeds, in ``speed_unit``, ascending, without 0."""
        count = round(self.max_speed / self.speed_step)
        return tuple(i * self.speed_step for i in range(-count, count + 1) if i != 0)

    def spec_bounds(self) -> tuple[Array, Array]:
        """Lowest and highest speed and length, (2,) each, in their units."""
        low = np.array([-self.max_speed, self.length_range[0]])
        high = np.array([self.max_speed, self.length_range[1]])
        return low, high

    def model(self, length: float | None = None) -> mujoco.MjModel:
        """Compile the body at ``length`` [m]; None is the nominal one."""
        root = self.build(self.nominal_length if length is None else length)
        return mujoco.MjModel.from_xml_string(ElementTree.tostring(root, encoding="unicode"))
