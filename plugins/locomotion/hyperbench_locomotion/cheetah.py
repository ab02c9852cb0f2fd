"""dm_control's planar cheetah."""

from __future__ import annotations

from xml.etree import ElementTree

import mujoco
import numpy as np

from hyperbench_locomotion.body import Body, find_element
from hyperbench_locomotion.physics import Array, Physics


class Cheetah(Body):
    """A planar running body with six actuated joints (Tassa et al. 2018, dm_control).

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
    length_range = (0.3, 0.7)
    nominal_length = 0.5

    def edit(self, xml: ElementTree.Element, length: float) -> None:
        torso = find_element(xml, "body", "torso")
        find_element(torso, "geom", "torso").set("fromto", f"{-length} 0 0 {length} 0 0")
        find_element(torso, "geom", "head").set("pos", f"{length + 0.1} 0 .1")
        find_element(torso, "body", "bthigh").set("pos", f"{-length} 0 0")
        find_element(torso, "body", "fthigh").set("pos", f"{length} 0 0")

    def initial_qpos(self, model: mujoco.MjModel, rng: np.random.Generator) -> Array:
        qpos: Array = model.qpos0.copy()
        limited = model.jnt_limited.astype(bool)
        lower, upper = model.jnt_range[limited].T
        qpos[limited] = rng.uniform(lower, upper)
        return qpos

    def observe(self, physics: Physics) -> Array:
        return np.concatenate([physics.qpos[:, 1:], physics.qvel], axis=1)

    def speed(self, physics: Physics) -> Array:
        # The model's only sensor is torso_subtreelinvel: x, y, z.
        return physics.sensors[:, 0]
