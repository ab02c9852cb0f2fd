"""dm_control's finger, which spins a body on a hinge."""

from __future__ import annotations

import numpy as np
from hyperbench_mujoco import mujoco

from hyperbench_locomotion.body import Body
from hyperbench_locomotion.mjcf import (
    Element,
    add,
    add_camera,
    add_capsule,
    add_cylinder,
    add_floor,
    stage,
)
from hyperbench_locomotion.physics import Array, Physics

_CONTACT = {"solimp": (0, 0.9, 0.01), "solref": (0.02, 1)}
_TIP_HEIGHT = 0.13
"""Distance [m] from the spinner's hinge of the point whose position is observed."""
_MAX_DRAWS = 1000


class Finger(Body):
    """A finger of two actuated joints beside a free spinner (Tassa et al. 2018, dm_control).

    Its length is that of the outer link; the spinner grows, and moves away, with it. The touch
    sensors stay where they are on the nominal finger, as in the published body.

    Observation, 9 numbers as in dm_control's task ``spin``: two joint angles [rad], the position of
    the spinner's tip relative to its hinge (x, z) [m], velocities of the finger's joints and of the
    spinner [rad/s], and the logarithm of 1 + the force [N] on two touch sensors. MuJoCo computes
    touch at the start of a physics step, so it is one physics step old, here as in dm_control.
    """

    name = "finger"
    camera = "side"
    num_substeps = 2
    num_settling_steps = 0
    carries_warm_start = True
    observation_size = 9
    max_speed = 15.0
    speed_step = 1.0
    speed_unit = "rad/s"
    joint_speeds = (3.0, 6.0, 9.0, 12.0, 15.0)
    tracking_range = (-15.0, 15.0)
    slowest_tracked = 2.0
    stroke_seconds = 1.0
    slow_speed = 3.0
    length_range = (0.1, 0.4)
    nominal_length = 0.16

    def build(self, length: float) -> Element:
        root, world = stage(self.name, timestep=0.01, cone="elliptic", iterations=200)
        add(root.find("option"), "flag", gravity="disable")
        add_floor(world, **_CONTACT)
        add_camera(world, self.camera, (0.1, -1.8, 0.45))
        actuators = add(root, "actuator")

        proximal = add(world, "body", name="proximal", pos=(-0.2, 0, 0.4))
        pin = {"fromto": (0, -0.033, 0, 0, 0.033, 0), "size": 0.034}
        add_cylinder(proximal, name="proximal_pin", **pin, **_CONTACT)
        _add_joint(proximal, actuators, "proximal", gear=30, ref=-90)
        add_capsule(proximal, name="proximal", fromto=_down(0, 0.17), size=0.03, **_CONTACT)
        distal = add(proximal, "body", name="distal", pos=(0, 0, -0.18))
        _add_joint(distal, actuators, "distal", gear=15)
        bone = {"contype": 0, "conaffinity": 0, **_CONTACT}
        add_capsule(distal, name="distal", fromto=_down(0, length), size=0.028, **bone)
        tip = _down(length - 0.03, length + 0.001)
        add_capsule(distal, name="fingertip", fromto=tip, size=0.03, **_CONTACT)
        skin = {"type": "ellipsoid", "size": (0.025, 0.03, 0.025), "group": 3}
        add(distal, "site", name="touchtop", pos=(0.01, 0, -0.17), **skin)
        add(distal, "site", name="touchbottom", pos=(-0.01, 0, -0.17), **skin)

        spinner = add(world, "body", name="spinner", pos=(length + 0.04, 0, 0.4))
        # The task "spin" of dm_control lowers the damping from 0.5.
        hinge = {"name": "hinge", "frictionloss": 0.1, "damping": 0.03}
        add(spinner, "joint", type="hinge", axis=(0, -1, 0), **hinge)
        cap = {"size": (0.04, length - 0.07), **_CONTACT}
        add_capsule(spinner, name="cap1", pos=(0.02, 0, 0), **cap)
        add_capsule(spinner, name="cap2", pos=(-0.02, 0, 0), **cap)
        pin = {"fromto": (0, -0.045, 0, 0, 0.045, 0), "size": 0.02}
        add_cylinder(spinner, name="spinner_pin", **pin, **_CONTACT)

        sensors = add(root, "sensor")
        add(sensors, "touch", name="touchtop", site="touchtop")
        add(sensors, "touch", name="touchbottom", site="touchbottom")
        return root

    def initial_qpos(self, model: mujoco.MjModel, rng: np.random.Generator) -> Array:
        """Draw joint positions in which nothing touches."""
        limited = model.jnt_limited.astype(bool)
        lower = np.where(limited, model.jnt_range[:, 0], -np.pi)
        upper = np.where(limited, model.jnt_range[:, 1], np.pi)
        data = mujoco.MjData(model)
        for _ in range(_MAX_DRAWS):
            data.qpos[:] = rng.uniform(lower, upper)
            mujoco.mj_fwdPosition(model, data)
            if data.ncon == 0:
                qpos: Array = data.qpos.copy()
                return qpos
        raise RuntimeError(f"no collision-free position in {_MAX_DRAWS} draws")

    def observe(self, physics: Physics) -> Array:
        # The hinge turns about -y: at 0 the tip is above it, then it moves towards -x.
        angle = physics.qpos[:, 2:]
        tip = _TIP_HEIGHT * np.concatenate([-np.sin(angle), np.cos(angle)], axis=1)
        touch = np.log1p(physics.sensors)
        return np.concatenate([physics.qpos[:, :2], tip, physics.qvel, touch], axis=1)

    def speed(self, physics: Physics) -> Array:
        return physics.qvel[:, 2]


def _down(start: float, end: float) -> tuple[float, ...]:
    """The two ends of a capsule that hangs below a joint, ``start`` to ``end`` [m] from it."""
    return (0, 0, -start, 0, 0, -end)


def _add_joint(body: Element, actuators: Element, name: str, gear: float, ref: float = 0.0) -> None:
    """Add a hinge about -y, at ``ref`` [degrees] as drawn, and its motor of ``gear`` [N m]."""
    joint = {"name": name, "type": "hinge", "axis": (0, -1, 0), "ref": ref}
    add(body, "joint", limited="true", range=(-110, 110), damping=2.5, **joint)
    motor = {"name": name, "joint": name, "gear": gear}
    add(actuators, "motor", ctrllimited="true", ctrlrange=(-1, 1), **motor)
