"""The names of the arm's families, and what their entries say; imports nothing heavy."""

from __future__ import annotations

CUBE_TASKS = {"lift": "raise a cube by 20 cm", "pick": "bring a cube to a point in the air"}
FACTORS = {
    "size": "cubes of many sizes",
    "stiffness": "joint controllers of many stiffnesses",
    "damping": "joint controllers of many dampings",
    "arm": "arms of many lengths",
}

ARM_FAMILIES = tuple(f"{task}-{factor}" for task in CUBE_TASKS for factor in FACTORS)
"""Short names: the family's id is ``manipulation/{name}-v1``."""


def arm_summary(name: str) -> str:
    """One line about the family ``name`` for lists, e.g. of ``lift-size``.

    Raises:
        KeyError: the arm has no such family.
    """
    task, _, factor = name.partition("-")
    return f"{CUBE_TASKS[task]}: {FACTORS[factor]}; paper-compatible, little headroom"
