"""Point masses of which one, two or three features vary, and splits with few or many source tasks.

A plugin of the study of where methods begin to fail.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hyperbench_pointmass.family import GoalDrag

import hyperbench as hb
from hyperbench import hookimpl
from hyperbench.protocol import STANDARD

NUM_SOURCE = (4, 8, 16, 24)
MIDDLE = {"goal_x": 0.0, "goal_y": 0.0, "drag": 2.0}
GRIDS = {
    1: {"goal_x": 48},
    2: {"goal_x": 8, "goal_y": 6},
    3: {"goal_x": 4, "goal_y": 4, "drag": 3},
}
"""How many values each feature takes: always 48 tasks, whatever varies."""


def varied(number: int) -> type[GoalDrag]:
    """The point mass with the same number of tasks, of which fewer features differ."""
    features = {feature.name: feature for feature in GoalDrag.spec_space.features}
    values = {
        name: np.linspace(features[name].low, features[name].high, GRIDS[number][name]).tolist()
        if name in GRIDS[number]
        else [middle]
        for name, middle in MIDDLE.items()
    }
    info = replace(GoalDrag.info, id=f"features/point-{number}-v1")
    return hb.register_family(info.id, summary=f"the point mass with {number} of 3 features")(
        type(
            f"Point{number}",
            (GoalDrag,),
            {
                "info": info,
                "tasks": GoalDrag.spec_space.grid(info.id, **values),
                "__module__": __name__,
            },
        )
    )


Point1, Point2, Point3 = (varied(number) for number in GRIDS)


@hookimpl
def hyperbench_protocols():
    """Register standard-v1 with other numbers of source tasks, the smaller among the larger."""
    return [
        STANDARD.model_copy(
            update={
                "id": f"sources-{number}-v1",
                "summary": f"{number} source tasks of 40; targets are the same 12",
                "num_source": number,
                "num_target": 12,
                "split_label": "sources-v1",
            }
        )
        for number in NUM_SOURCE
    ]
