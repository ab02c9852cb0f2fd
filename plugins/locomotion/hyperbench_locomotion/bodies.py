"""The bodies and the rewards, by name."""

from __future__ import annotations

from hyperbench_locomotion.body import Body
from hyperbench_locomotion.cheetah import Cheetah
from hyperbench_locomotion.rewards import RewardFunction, speed_reward
from hyperbench_locomotion.walker import Walker

BODIES: dict[str, Body] = {body.name: body for body in (Cheetah(), Walker())}
REWARDS: dict[str, RewardFunction] = {"locomotion": speed_reward}
"""The reward of each suite."""
HORIZON = 1000
"""Control steps per episode, as in dm_control."""
