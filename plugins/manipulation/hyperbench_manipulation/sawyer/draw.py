"""Drawing the layouts that are stored: once, from named seeds."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

import numpy as np

from hyperbench.seeding import child_seed
from hyperbench_manipulation.sawyer.experts import GoalExperts
from hyperbench_manipulation.sawyer.layouts import LAYOUTS
from hyperbench_manipulation.sawyer.tasks import TASKS, Array
from hyperbench_manipulation.sawyer.vector_env import HORIZON, SawyerVectorEnv
from hyperbench_manipulation.sawyer.world import World

NUM_LAYOUTS = 50
_NUM_TRIALS = 12
_NUM_DECIMALS = 4
"""Layouts are stored to a tenth of a millimetre."""


def draw() -> None:
    """Draw ``NUM_LAYOUTS`` of every task, print how many were refused, and store them."""
    tasks = {name: _draw_task(name) for name in TASKS}
    content = {
        "command": "python -m hyperbench_manipulation.sawyer draw",
        "versions": {name: version(name) for name in ("metaworld", "mujoco")},
        "tasks": tasks,
    }
    text = json.dumps(content, indent=1)
    # One layout a line.
    for values in (row for task in tasks.values() for row in task["values"]):
        text = text.replace(json.dumps(values, indent=1).replace("\n", "\n    "), str(values))
    LAYOUTS.write_text(text + "\n", encoding="utf-8")


def _draw_task(name: str) -> dict[str, Any]:
    """Uniform draws that Meta-World would keep and that the expert solves from several starts.

    What the expert does not solve nobody could demonstrate, nor any score be compared with.
    """
    task = TASKS[name]
    world = World(task)
    low, high = np.array([task.ranges[feature.name] for feature in task.features]).T
    rng = np.random.default_rng(child_seed(0, "layouts", name))
    kept: list[list[float]] = []
    refused = {"infeasible": 0, "unsolved": 0}
    while len(kept) < NUM_LAYOUTS:
        values = [round(float(value), _NUM_DECIMALS) for value in rng.uniform(low, high)]
        layout = task.vector(dict(zip([f.name for f in task.features], values, strict=True)))
        if not task.is_feasible(layout):
            refused["infeasible"] += 1
        elif not _is_solved(world, layout):
            refused["unsolved"] += 1
        else:
            kept.append(values)
    print(f"{name}: refused {refused}", flush=True)
    return {"features": [f.name for f in task.features], "refused": refused, "values": kept}


def _is_solved(world: World, layout: Array) -> bool:
    env = SawyerVectorEnv(
        world, [[layout]] * _NUM_TRIALS, np.zeros(_NUM_TRIALS), shows_object=False
    )
    expert = GoalExperts(world.task, [world.start(layout)])
    _, infos = env.reset(seed=0)
    solved = np.zeros(_NUM_TRIALS, dtype=bool)
    for _ in range(HORIZON):
        _, _, _, _, infos = env.step(expert.act(infos[expert.info_key][None])[0])
        solved |= infos["success"]
        if solved.all():
            break
    env.close()
    return bool(solved.all())
