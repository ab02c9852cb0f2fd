"""dm_control's planar walker."""

from __future__ import annotations

import numpy as np
from hyperbench_mujoco import mujoco

from hyperbench_locomotion.body import Body
from hyperbench_locomotion.mjcf import (
    Element,
    Value,
    add,
    add_camera,
    add_capsule,
    add_floor,
    stage,
)
from hyperbench_locomotion.physics import Array, Physics
from hyperbench_locomotion.rewards import RewardFunction, gaussian_tolerance

TORSO_HEIGHT = 1.3
"""Height [m] of the torso where ``rootz`` is 0."""
STAND_HEIGHT = 1.2
"""Torso height [m] that earns the full standing reward."""
_FRICTION = (0.7, 0.1, 0.1)
_SOLIMPLIMIT = (0, 0.99, 0.01)


class Walker(Body):
    """A planar body with two legs and six actuated joints (Tassa et al. 2018, dm_control).

    Its length is the half-length of its torso, which grows both ways from its middle: the hips stay
    where they are, and the torso's mass goes from 4.5 to 16.8 kg.

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
    joint_speeds = (1.0, 2.0, 3.0, 4.0, 5.0)
    tracking_range = (-3.5, 5.0)
    slow_speed = 0.5
    length_range = (0.1, 0.5)
    nominal_length = 0.3

    def build(self, length: float) -> Element:
        root, world = stage(self.name, timestep=0.0025)
        add_floor(world, friction=_FRICTION)
        torso = add(world, "body", name="torso", pos=(0, 0, TORSO_HEIGHT))
        add_camera(torso, self.camera, (0, -3.5, -0.2), mode="trackcom")
        root_joint = {"solimplimit": _SOLIMPLIMIT}
        add(torso, "joint", name="rootz", type="slide", axis=(0, 0, 1), **root_joint)
        add(torso, "joint", name="rootx", type="slide", axis=(1, 0, 0), **root_joint)
        add(torso, "joint", name="rooty", type="hinge", axis=(0, 1, 0), **root_joint)
        _add_part(torso, "torso", size=(0.07, length))
        actuators = add(root, "actuator")
        for side, y in (("right", -0.05), ("left", 0.05)):
            thigh = add(torso, "body", name=f"{side}_thigh", pos=(0, y, -0.3))
            _add_joint(thigh, actuators, f"{side}_hip", range=(-20, 100), gear=100)
            _add_part(thigh, f"{side}_thigh", pos=(0, 0, -0.225), size=(0.05, 0.225))
            leg = add(thigh, "body", name=f"{side}_leg", pos=(0, 0, -0.7))
            knee = {"pos": (0, 0, 0.25), "range": (-150, 0)}
            _add_joint(leg, actuators, f"{side}_knee", gear=50, **knee)
            _add_part(leg, f"{side}_leg", size=(0.04, 0.25))
            foot = add(leg, "body", name=f"{side}_foot", pos=(0.06, 0, -0.25))
            ankle = {"pos": (-0.06, 0, 0), "range": (-45, 45)}
            _add_joint(foot, actuators, f"{side}_ankle", gear=20, **ankle)
            _add_part(foot, f"{side}_foot", zaxis=(1, 0, 0), size=(0.05, 0.1))
        add(add(root, "sensor"), "subtreelinvel", name="velocity", body="torso")
        return root

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
        # The model's only sensor is the velocity of the centre of mass: x, y, z.
        return physics.sensors[:, 0]

    def reward(
        self, physics: Physics, speeds: Array, targets: Array, speed_reward: RewardFunction
    ) -> Array:
        """Weigh the reward for speed with dm_control's reward for standing upright."""
        height = physics.qpos[:, 0] + TORSO_HEIGHT
        upright = (1.0 + np.cos(physics.qpos[:, 2])) / 2.0
        standing = gaussian_tolerance(height, STAND_HEIGHT, STAND_HEIGHT / 2.0)
        move = super().reward(physics, speeds, targets, speed_reward)
        return (3.0 * standing + upright) / 4.0 * (5.0 * move + 1.0) / 6.0


def _add_part(body: Element, name: str, **shape: Value) -> None:
    # No conaffinity: parts meet the floor, never each other.
    add_capsule(body, name=name, contype=1, conaffinity=0, friction=_FRICTION, **shape)


def _add_joint(body: Element, actuators: Element, name: str, gear: float, **place: Value) -> None:
    """Add a hinge about -y and the motor, of at most ``gear`` [N m], that turns it."""
    add(
        body,
        "joint",
        name=name,
        type="hinge",
        axis=(0, -1, 0),
        limited="true",
        damping=0.1,
        armature=0.01,
        solimplimit=_SOLIMPLIMIT,
        **place,
    )
    add(
        actuators,
        "motor",
        name=name,
        joint=name,
        gear=gear,
        ctrllimited="true",
        ctrlrange=(-1, 1),
    )
