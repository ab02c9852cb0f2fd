"""dm_control's planar walker."""

from __future__ import annotations

from xml.etree import ElementTree

import mujoco
import numpy as np

from hyperbench_locomotion.body import Body, find_element
from hyperbench_locomotion.physics import Array, Physics
from hyperbench_locomotion.rewards import RewardFunction, gaussian_tolerance

TORSO_HEIGHT = 1.3
"""Height [m] of the torso where ``rootz`` is 0."""
STAND_HEIGHT = 1.2
"""Torso height [m] that earns the full standing reward."""


class Walker(Body):
    """A planar body with two legs and six actuated joints (Tassa et al. 2018, dm_control).

    Observation, 24 numbers as in dm_control: cosine and sine of the pitch of its 7 parts (torso;
    thigh, leg and foot right, then left), the torso's height [m], then 9 joint velocities [m/s,
    rad/s].

    Joint positions: vertical, horizontal, pitch, then hip, knee, ankle right and left.
    """

    name = "walker"
    camera = "side"
    num_substeps = 10
    num_settling_steps = 0
    carries_warm_start = True
    observation_size = 24
    max_speed = 5.0
    speed_step = 0.25
    speed_unit = "m/s"
    length_range = (0.1, 0.5)
    nominal_length = 0.3

    def edit(self, xml: ElementTree.Element, length: float) -> None:
        find_element(xml, "geom", "torso").set("size", f"0.07 {length}")

    def initial_qpos(self, model: mujoco.MjModel, rng: np.random.Generator) -> Array:
        qpos: Array = model.qpos0.copy()
        limited = model.jnt_limited.astype(bool)
        lower, upper = model.jnt_range[limited].T
        qpos[limited] = rng.uniform(lower, upper)
        qpos[2] = rng.uniform(-np.pi, np.pi)
        return qpos

    def observe(self, physics: Physics) -> Array:
        qpos = physics.qpos
        # The root pitches about +y, the joints about -y: pitches add up along each leg.
        torso = qpos[:, 2:3]
        right = torso - np.cumsum(qpos[:, 3:6], axis=1)
        left = torso - np.cumsum(qpos[:, 6:9], axis=1)
        pitch = np.concatenate([torso, right, left], axis=1)
        orientations = np.stack([np.cos(pitch), np.sin(pitch)], axis=2).reshape(len(qpos), -1)
        return np.concatenate([orientations, qpos[:, :1] + TORSO_HEIGHT, physics.qvel], axis=1)

    def speed(self, physics: Physics) -> Array:
        # The model's only sensor is torso_subtreelinvel: x, y, z.
        return physics.sensors[:, 0]

    def reward(self, physics: Physics, targets: Array, speed_reward: RewardFunction) -> Array:
        """Weigh the reward for speed with dm_control's reward for standing upright."""
        height = physics.qpos[:, 0] + TORSO_HEIGHT
        upright = (1.0 + np.cos(physics.qpos[:, 2])) / 2.0
        standing = gaussian_tolerance(height, STAND_HEIGHT, STAND_HEIGHT / 2.0)
        move = super().reward(physics, targets, speed_reward)
        return (3.0 * standing + upright) / 4.0 * (5.0 * move + 1.0) / 6.0
