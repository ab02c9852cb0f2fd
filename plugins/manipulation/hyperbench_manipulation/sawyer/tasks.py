"""The Meta-World tasks used: what of them is a feature, where the object is, what is success."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from hyperbench.task import Feature

Array = npt.NDArray[np.float64]


class Point(NamedTuple):
    """A part of a model whose position is read."""

    kind: Literal["body", "geom", "site"]
    name: str


@dataclass(frozen=True)
class Near:
    """Success is nearness to the target.

    Args:
        radius: largest distance [m].
        point: what has to be near it; None is the object.
        scale: weights of the distance along x, y and z.
    """

    radius: float
    point: Point | Literal["gripper"] | None = None
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Beyond:
    """Success is a joint's position beyond a threshold [m]."""

    joint: str
    position: float


@dataclass(frozen=True)
class SawyerTask:
    """One Meta-World v3 task.

    What Meta-World draws at a reset are 3 numbers, where the object is, or 6, where object and goal
    are. Those that range over a centimetre or more, and matter, are features; the others are fixed
    in the middle of their ranges, which are 2 mm wide at most.

    Args:
        metaworld: Meta-World's name, such as ``"push-v3"``.
        ranges: by feature lowest and highest value [m], as Meta-World draws them.
        layout: what is drawn, in Meta-World's order [m]: names of features, or fixed numbers.
        object: whose position Meta-World observes as the object's.
        success: when the task is done.
        object_offset: from there to the position observed [m].
        crank: the joint about which the position observed circles, ``CRANK_RADIUS`` from there.
        least_distance: between object and goal in the plane [m]; nearer ones Meta-World draws
            again, which never ends where what is drawn is fixed.
        script: the name in that of Meta-World's file with the scripted policy, where it is another.
    """

    metaworld: str
    ranges: Mapping[str, tuple[float, float]]
    layout: tuple[str | float, ...]
    object: Point
    success: Near | Beyond
    object_offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    crank: str | None = None
    least_distance: float = 0.0
    script: str | None = None

    @property
    def features(self) -> tuple[Feature, ...]:
        """What varies, in the order of the layout."""
        return tuple(
            Feature(name, *self.ranges[name], "m", "goal" if name.startswith("goal") else "object")
            for name in self.layout
            if isinstance(name, str)
        )

    def vector(self, values: Mapping[str, float]) -> Array:
        """What Meta-World would draw, (3,) or (6,), given the features' values [m]."""
        return np.array([values[part] if isinstance(part, str) else part for part in self.layout])

    def is_feasible(self, vector: Array) -> bool:
        """Whether a reset of Meta-World ends with this drawn."""
        return bool(
            self.least_distance == 0.0
            or np.linalg.norm(vector[:2] - vector[3:5]) >= self.least_distance
        )


CRANK_RADIUS = 0.05
"""How far from the dial's centre the position observed is [m]."""

_PUCK = Point("body", "obj")

TASKS: dict[str, SawyerTask] = {
    # The puck beside the point to be reached stays where it does not matter.
    "reach": SawyerTask(
        "reach-v3",
        {"goal_x": (-0.1, 0.1), "goal_y": (0.8, 0.9), "goal_z": (0.05, 0.3)},
        (0.0, 0.6, 0.02, "goal_x", "goal_y", "goal_z"),
        _PUCK,
        Near(0.05, "gripper"),
        least_distance=0.15,
    ),
    # The height drawn for the goal, from 0.01 to 0.02, is overruled by the puck's.
    "push": SawyerTask(
        "push-v3",
        {
            "object_x": (-0.1, 0.1),
            "object_y": (0.6, 0.7),
            "goal_x": (-0.1, 0.1),
            "goal_y": (0.8, 0.9),
        },
        ("object_x", "object_y", 0.02, "goal_x", "goal_y", 0.015),
        _PUCK,
        Near(0.05),
        least_distance=0.15,
    ),
    "pick-place": SawyerTask(
        "pick-place-v3",
        {
            "object_x": (-0.1, 0.1),
            "object_y": (0.6, 0.7),
            "goal_x": (-0.1, 0.1),
            "goal_y": (0.8, 0.9),
            "goal_z": (0.05, 0.3),
        },
        ("object_x", "object_y", 0.02, "goal_x", "goal_y", "goal_z"),
        _PUCK,
        Near(0.07),
        least_distance=0.15,
    ),
    # Here, too, the goal's height is the puck's.
    "push-wall": SawyerTask(
        "push-wall-v3",
        {
            "object_x": (-0.05, 0.05),
            "object_y": (0.6, 0.65),
            "goal_x": (-0.05, 0.05),
            "goal_y": (0.85, 0.9),
        },
        ("object_x", "object_y", 0.015, "goal_x", "goal_y", 0.015),
        Point("geom", "objGeom"),
        Near(0.07),
        least_distance=0.15,
    ),
    "coffee-push": SawyerTask(
        "coffee-push-v3",
        {
            "object_x": (-0.1, 0.1),
            "object_y": (0.55, 0.65),
            "goal_x": (-0.05, 0.05),
            "goal_y": (0.7, 0.75),
        },
        ("object_x", "object_y", 0.0, "goal_x", "goal_y", 0.0),
        _PUCK,
        Near(0.07),
        least_distance=0.15,
    ),
    "window-open": SawyerTask(
        "window-open-v3",
        {"object_x": (-0.1, 0.1), "object_y": (0.7, 0.9)},
        ("object_x", "object_y", 0.16),
        Point("site", "handleOpenStart"),
        Near(0.05, scale=(1.0, 0.0, 0.0)),
    ),
    "dial-turn": SawyerTask(
        "dial-turn-v3",
        {"object_x": (-0.1, 0.1), "object_y": (0.7, 0.8)},
        ("object_x", "object_y", 0.0),
        Point("body", "dial"),
        Near(0.07),
        crank="knob_Joint_1",
    ),
    "hammer": SawyerTask(
        "hammer-v3",
        {"object_x": (-0.1, 0.1), "object_y": (0.4, 0.5)},
        ("object_x", "object_y", 0.0),
        Point("body", "hammer"),
        Beyond("NailSlideJoint", 0.09),
    ),
    "peg-insert": SawyerTask(
        "peg-insert-side-v3",
        {
            "object_x": (0.0, 0.2),
            "object_y": (0.5, 0.7),
            "goal_x": (-0.35, -0.25),
            "goal_y": (0.4, 0.7),
        },
        ("object_x", "object_y", 0.02, "goal_x", "goal_y", 0.0),
        Point("site", "pegGrasp"),
        Near(0.07, Point("site", "pegHead"), (1.0, 2.0, 2.0)),
        least_distance=0.1,
        script="peg-insertion-side-v3",
    ),
    "drawer-open": SawyerTask(
        "drawer-open-v3",
        {"object_x": (-0.1, 0.1)},
        ("object_x", 0.9, 0.0),
        Point("body", "drawer_link"),
        Near(0.03),
        object_offset=(0.0, -0.16, 0.0),
    ),
}
"""By the name in the family's id."""
