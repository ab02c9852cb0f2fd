"""dm_control's planar cheetah."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hyperbench_mujoco import mujoco

from hyperbench_locomotion.body import Body
from hyperbench_locomotion.mjcf import Element, add, add_camera, add_capsule, add_floor, stage
from hyperbench_locomotion.physics import Array, Physics

_TOTAL_MASS = 14.0
"""Mass [kg] of the body, whatever its length."""
_RADIUS = 0.046
"""Radius [m] of every part."""
_STIFFNESS_TO_DAMPING = 40.0
"""Joint stiffness [N m/rad] over joint damping [N m s/rad], the same in all joints."""
_STIFFNESS_TO_TORQUE = 2.0
"""Joint stiffness [N m/rad] over the motor's largest torque [N m], the same in all joints."""


class _Link(NamedTuple):
    """One part of a leg and the joint that carries it; positions are (x, z) [m]."""

    name: str
    parent: str
    joint: tuple[float, float]
    """Where the joint sits in the parent."""
    range: tuple[float, float]
    """Joint limits [degrees]."""
    stiffness: float
    """Stiffness of the joint [N m/rad]."""
    centre: tuple[float, float]
    """Centre of the capsule, relative to the joint."""
    pitch: float
    """Pitch of the capsule [degrees]."""
    half_length: float
    """Half the length of the capsule's cylinder [m]."""


def _links(length: float) -> tuple[_Link, ...]:
    """The legs of a cheetah whose torso has the half-length ``length`` [m]."""
    back, front = (-length, 0.0), (length, 0.0)
    return (
        _Link("bthigh", "torso", back, (-30, 60), 240, (0.1, -0.13), -218, 0.145),
        _Link("bshin", "bthigh", (0.16, -0.25), (-50, 50), 180, (-0.14, -0.07), -116, 0.15),
        _Link("bfoot", "bshin", (-0.28, -0.14), (-230, 50), 120, (0.03, -0.097), -15, 0.094),
        _Link("fthigh", "torso", front, (-57, 0.4), 180, (-0.07, -0.12), 30, 0.133),
        _Link("fshin", "fthigh", (-0.14, -0.24), (-70, 50), 120, (0.065, -0.09), -34, 0.106),
        _Link("ffoot", "fshin", (0.13, -0.18), (-28, 28), 60, (0.045, -0.07), -34, 0.07),
    )


class Cheetah(Body):
    """A planar running body with six actuated joints (Tassa et al. 2018, dm_control).

    Its length is half that of its torso; the legs move with the torso's ends, the total mass stays.

    Observation, 17 numbers as in dm_control: 8 joint positions without the horizontal one [m, rad],
    then 9 joint velocities [m/s, rad/s].
    """

    name = "cheetah"
    camera = "side"
    num_substeps = 1
    num_settling_steps = 200
    observation_size = 17
    max_speed = 10.0
    speed_step = 0.5
    speed_unit = "m/s"
    joint_speeds = (1.0, 2.0, 3.0, 4.0, 5.0)
    # Asked for 10 m/s, the experts of the suite ``locomotion`` run -6.3 and 9.1 m/s.
    tracking_range = (-6.0, 9.0)
    slow_speed = 1.0
    length_range = (0.3, 0.7)
    nominal_length = 0.5

    def build(self, length: float) -> Element:
        root, world = stage(self.name, timestep=0.01)
        add(root, "compiler", settotalmass=_TOTAL_MASS)
        add_floor(world)
        torso = add(world, "body", name="torso", pos=(0, 0, 0.7))
        add_camera(torso, self.camera, (0, -3, 0), mode="trackcom")
        add(torso, "joint", name="rootx", type="slide", axis=(1, 0, 0))
        add(torso, "joint", name="rootz", type="slide", axis=(0, 0, 1))
        add(torso, "joint", name="rooty", type="hinge", axis=(0, 1, 0))
        skin = {"friction": (0.4, 0.1, 0.1)}
        add_capsule(torso, name="torso", fromto=(-length, 0, 0, length, 0, 0), size=_RADIUS, **skin)
        head = (length + 0.1, 0, 0.1)
        add_capsule(torso, name="head", pos=head, euler=(0, 50, 0), size=(_RADIUS, 0.15), **skin)
        bodies = {"torso": torso}
        actuators = add(root, "actuator")
        for link in _links(length):
            x, z = link.joint
            body = add(bodies[link.parent], "body", name=link.name, pos=(x, 0, z))
            bodies[link.name] = body
            add(
                body,
                "joint",
                name=link.name,
                type="hinge",
                axis=(0, 1, 0),
                limited="true",
                range=link.range,
                stiffness=link.stiffness,
                damping=link.stiffness / _STIFFNESS_TO_DAMPING,
                armature=0.1,
            )
            x, z = link.centre
            add_capsule(
                body,
                name=link.name,
                pos=(x, 0, z),
                euler=(0, link.pitch, 0),
                size=(_RADIUS, link.half_length),
                **skin,
            )
            add(
                actuators,
                "motor",
                name=link.name,
                joint=link.name,
                gear=link.stiffness / _STIFFNESS_TO_TORQUE,
                ctrllimited="true",
                ctrlrange=(-1, 1),
            )
        add(add(root, "sensor"), "subtreelinvel", name="velocity", body="torso")
        return root

    def initial_qpos(self, model: mujoco.MjModel, rng: np.random.Generator) -> Array:
        qpos: Array = model.qpos0.copy()
        limited = model.jnt_limited.astype(bool)
        lower, upper = model.jnt_range[limited].T
        qpos[limited] = rng.uniform(lower, upper)
        return qpos

    def observe(self, physics: Physics) -> Array:
        return np.concatenate([physics.qpos[:, 1:], physics.qvel], axis=1)

    def speed(self, physics: Physics) -> Array:
        # The model's only sensor is the velocity of the centre of mass: x, y, z.
        return physics.sensors[:, 0]
