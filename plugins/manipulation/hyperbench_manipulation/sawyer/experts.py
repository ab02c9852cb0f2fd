"""Meta-World's scripted policies as experts."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import util
from pathlib import Path

import numpy as np

from hyperbench.seeding import content_hash
from hyperbench.task import FloatArray
from hyperbench_manipulation.sawyer.tasks import Array, SawyerTask
from hyperbench_manipulation.sawyer.vector_env import EXPERT_KEY
from hyperbench_manipulation.sawyer.world import Start

_WRAPPING = 1
"""Rises whenever what is made of a script moves."""


class GoalExperts:
    """Experts that know from their task where the object stood and where it shall go.

    They are shown how far the object has been moved since, which a policy is not. So the expert of
    another task reaches for where *its* object stood: reusing it is no better than it should be.

    Args:
        task: of Meta-World.
        starts: of each expert's own task.
    """

    info_key = EXPERT_KEY

    def __init__(self, task: SawyerTask, starts: Sequence[Start]) -> None:
        self._script = _Script(task)
        self._starts = list(starts)

    @property
    def num_tasks(self) -> int:
        """How many tasks there is an expert for."""
        return len(self._starts)

    def act(self, shown: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, 7), as ``EXPERT_KEY`` says, to actions (..., 4)."""
        return np.stack(
            [
                self._script.act(row[:, :4], start.object + row[:, 4:], start.target)
                for row, start in zip(shown, self._starts, strict=True)
            ]
        )

    def reset(self) -> None:
        """Do nothing: scripts remember nothing."""


class FrameExperts:
    """Experts that see object and goal like everybody and know by what angle they are turned.

    Args:
        task: of Meta-World.
        angles: (num_tasks,) of each expert's own task [rad].
    """

    def __init__(self, task: SawyerTask, angles: Array) -> None:
        self._script = _Script(task)
        self._angles = angles

    @property
    def num_tasks(self) -> int:
        """How many tasks there is an expert for."""
        return len(self._angles)

    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, 17) to actions (num_tasks, num_episodes, 4)."""
        rows = []
        for row, angle in zip(observations, self._angles, strict=True):
            actions = self._script.act(row[:, :4], row[:, 4:7], row[:, -3:])
            x, y = actions[:, 0].copy(), actions[:, 1].copy()
            actions[:, 0] = np.cos(angle) * x + np.sin(angle) * y
            actions[:, 1] = np.cos(angle) * y - np.sin(angle) * x
            # A turned square does not fit into the square: go where it leads, more slowly.
            actions[:, :2] /= np.maximum(1.0, np.abs(actions[:, :2]).max(axis=1, keepdims=True))
            rows.append(actions)
        return np.stack(rows)

    def reset(self) -> None:
        """Do nothing: scripts remember nothing."""


class _Script:
    """Meta-World's policy of one task, fed with what it reads of Meta-World's 39 numbers."""

    def __init__(self, task: SawyerTask) -> None:
        from metaworld.policies import ENV_POLICY_MAP

        self._policy = ENV_POLICY_MAP[task.metaworld]()

    def act(self, hands: Array, objects: Array, goals: Array) -> FloatArray:
        """Hands and openings (n, 4), objects (n, 3), goals (n, 3) or (3,) to actions (n, 4)."""
        observations = np.zeros((len(hands), 39))
        observations[:, :4], observations[:, 4:7], observations[:, -3:] = hands, objects, goals
        with warnings.catch_warnings():
            # That an action will be clipped, which it is, below.
            warnings.simplefilter("ignore")
            actions = [self._policy.get_action(observation) for observation in observations]
        clipped: FloatArray = np.clip(np.array(actions, np.float32), -1.0, 1.0)
        return clipped


def expert_version(task: SawyerTask) -> str:
    """Identifies a task's script by content."""
    package = util.find_spec("metaworld")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("metaworld")
    name = f"sawyer_{(task.script or task.metaworld).replace('-', '_')}_policy.py"
    script = (Path(package.origin).parent / "policies" / name).read_text(encoding="utf-8")
    return content_hash({"script": script, "wrapping": _WRAPPING})
