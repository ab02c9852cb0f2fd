"""The names of Meta-World's families, and what their entries say; imports nothing heavy."""

from __future__ import annotations

GOALS = {
    "reach": "bring the gripper to a point in the air",
    "push": "push a puck to a place on the table",
    "pick-place": "carry a puck to a point in the air",
    "push-wall": "push a puck around a wall to a place on the table",
    "coffee-push": "push a mug under a coffee machine",
    "window-open": "slide a window open",
    "dial-turn": "turn a dial",
    "hammer": "take a hammer and drive a nail in",
    "peg-insert": "take a peg and put it into a hole; hard",
}
FRAMES = ("reach", "push", "window-open", "drawer-open")

GOAL_FAMILIES = tuple(f"goal-{task}" for task in GOALS)
FRAME_FAMILIES = tuple(f"frame-{task}" for task in FRAMES)
"""Short names: a family's id is ``manipulation/{name}-v1``."""


def sawyer_summary(name: str) -> str:
    """One line about the family ``name`` for lists, e.g. of ``goal-push``."""
    kind, _, task = name.partition("-")
    if kind == "goal":
        return f"Meta-World: {GOALS[task]}; where things are stands in the spec alone"
    return f"Meta-World's {task} with its control frame turned by an angle that stands in the spec"
