"""The links of the arm as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Link:
    """One moving link. Its joint turns about its z axis.

    Args:
        a: offset of the joint along the x axis of the link before [m].
        quarter_turns: by how much the joint's axis is turned about that x axis.
        d: offset of the joint along its own axis [m].
        limits: lowest and highest angle [rad].
        mass: [kg].
        centre: of mass [m].
        inertia: principal moments about the centre [kg m^2].
        radius: of the capsule that is drawn [m].
        start: where the capsule starts [m].
        end: where it ends [m].
    """

    a: float
    quarter_turns: int
    d: float
    limits: tuple[float, float]
    mass: float
    centre: Triple
    inertia: Triple
    radius: float
    start: Triple
    end: Triple

    @property
    def is_long(self) -> bool:
        """Whether this is the upper arm or the forearm, which extend along y."""
        return self.end[1] != 0.0

    @property
    def position(self) -> Triple:
        """The joint in the frame of the link before [m]."""
        turns = self.quarter_turns
        return (self.a, -turns * self.d, (1 - abs(turns)) * self.d)

    def stretched(self, ratio: float) -> Link:
        """The link of an arm whose long links are ``ratio`` times as long, and as heavy as ever."""
        link = self
        if self.quarter_turns:
            link = replace(link, d=self.d * ratio)
        if self.is_long:
            (x, y, z), (i, j, k), end = self.centre, self.inertia, self.end
            link = replace(
                link,
                centre=(x, y * ratio, z),
                inertia=(i * ratio**2, j, k * ratio**2),
                end=(end[0], end[1] * ratio, end[2]),
            )
        return link


# fmt: off
LINKS = (
    Link(0.0, 0, 0.333, (-2.8973, 2.8973), 3.0, (0, -0.03, -0.07), (0.03, 0.03, 0.01),
         0.065, (0, 0, -0.2), (0, 0, 0)),
    Link(0.0, -1, 0.0, (-1.7628, 1.7628), 3.0, (0, -0.1, 0.03), (0.03, 0.01, 0.03),
         0.06, (0, 0, 0), (0, -0.316, 0)),
    Link(0.0, 1, 0.316, (-2.8973, 2.8973), 3.0, (0.04, 0, -0.05), (0.02, 0.02, 0.01),
         0.055, (0, 0, -0.05), (0.0825, 0, 0)),
    Link(0.0825, 1, 0.0, (-3.0718, -0.0698), 3.0, (-0.05, 0.1, 0.03), (0.03, 0.01, 0.03),
         0.055, (-0.04, 0, 0), (-0.0825, 0.384, 0)),
    Link(-0.0825, -1, 0.384, (-2.8973, 2.8973), 1.5, (0, 0.04, -0.1), (0.02, 0.02, 0.005),
         0.05, (0, 0, -0.15), (0, 0, 0)),
    Link(0.0, 1, 0.0, (-0.0175, 3.7525), 1.5, (0.06, 0, 0), (0.003, 0.005, 0.005),
         0.045, (0, 0, 0), (0.088, 0, 0)),
    Link(0.088, 1, 0.0, (-2.8973, 2.8973), 0.7, (0, 0, 0.08), (0.002, 0.002, 0.001),
         0.04, (0, 0, 0.02), (0, 0, 0.09)),
)
# fmt: on
"""From the shoulder to the wrist. Offsets and limits are the Panda's, published in modified
Denavit-Hartenberg terms at https://frankaemika.github.io/docs/control_parameters.html; masses and
inertias are round numbers of the right size."""
NUM_JOINTS = len(LINKS)
JOINT_LIMITS = np.array([link.limits for link in LINKS]).T
"""(2, num_joints) lowest and highest joint angles [rad]."""
FLANGE = 0.107
"""From the last joint to the hand, along its axis [m]."""
HAND_TURN = -np.pi / 4
"""How the hand is mounted on the flange [rad]."""
FINGERS = 0.0584
"""From the hand's mount to where its fingers start [m]."""
TOOL = 0.1034
"""From the hand's mount to the point between the fingertips [m]."""
