"""The bodies and the rewards, by name."""

from __future__ import annotations

from functools import partial

from hyperbench_locomotion.body import Body
from hyperbench_locomotion.cheetah import Cheetah
from hyperbench_locomotion.finger import Finger
from hyperbench_locomotion.rewards import RewardFunction, speed_reward, tracking_reward
from hyperbench_locomotion.walker import Walker

BODIES: dict[str, Body] = {body.name: body for body in (Cheetah(), Walker(), Finger())}
HORIZON = 1000
"""Control steps per episode, as in dm_control."""


def judged_seconds(suite: str, body: Body) -> float:
    """Over how long a suite takes the mean of a body's speed before judging it [s]."""
    return body.stroke_seconds if suite == "tracking" else 0.0


def reward_function(suite: str, body: Body) -> RewardFunction:
    """The reward for speed of a suite, for a body.

    Raises:
        KeyError: this package has no such suite.
    """
    tracking = partial(tracking_reward, slow=body.slow_speed)
    rewards: dict[str, RewardFunction] = {"locomotion": speed_reward, "tracking": tracking}
    return rewards[suite]
