"""What was measured of episodes, as arrays by task and episode."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from hyperbench.family import FamilyInfo
from hyperbench.task import TaskSpec


@dataclass(frozen=True)
class EpisodeColumn:
    """What is known of each episode under one name.

    Args:
        name: in files.
        field: of ``EpisodeTable``.
        kind: of its values, as NumPy abbreviates it: integer, float or boolean.
        mean: what a task's mean over its episodes is called; None where it tells nothing.
        notion: the field of ``FamilyInfo`` that says whether a family has it; None: all have.
    """

    name: str
    field: str
    kind: Literal["i", "f", "b"]
    mean: str | None = None
    notion: str | None = None

    def belongs_to(self, info: FamilyInfo) -> bool:
        """Whether episodes of such a family have it."""
        return self.notion is None or bool(getattr(info, self.notion))


EPISODE_COLUMNS = (
    EpisodeColumn("seed", "seeds", "i"),
    EpisodeColumn("return", "returns", "f", mean="mean_return"),
    EpisodeColumn("length", "lengths", "i", mean="mean_length"),
    EpisodeColumn("terminated", "terminated", "b"),
    EpisodeColumn("success", "successes", "b", mean="success_rate", notion="has_success"),
    EpisodeColumn("lasting", "lasting", "b", mean="lasting_rate", notion="ends_at_success"),
)
"""Whatever is known of an episode, in the order of a file's columns."""


@dataclass(frozen=True)
class EpisodeTable:
    """What was measured: one entry per episode, all arrays (num_tasks, num_episodes).

    Args:
        tasks: the tasks, in row order.
        seeds: what each episode's environment was reset with.
        returns: sum of rewards.
        lengths: control steps.
        successes: whether ``info["success"]`` was true at the end; None without the notion.
        terminated: whether the task, rather than the horizon, ended the episode.
        lasting: where episodes end at success: whether ``info["success"]`` was true at the horizon.
        num_clipped: in how many steps of all episodes an action lay outside of the action space
            and was clipped to it.
    """

    tasks: tuple[TaskSpec, ...]
    seeds: npt.NDArray[np.int64]
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int64]
    successes: npt.NDArray[np.bool_] | None
    terminated: npt.NDArray[np.bool_]
    lasting: npt.NDArray[np.bool_] | None = None
    num_clipped: int = 0

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """What is known, by the names of ``EPISODE_COLUMNS``, (num_tasks, num_episodes) each."""
        known = {column.name: getattr(self, column.field) for column in EPISODE_COLUMNS}
        return {name: values for name, values in known.items() if values is not None}

    def replaced(self, where: npt.NDArray[np.intp], other: EpisodeTable) -> EpisodeTable:
        """Take the episodes of some tasks from another table.

        Args:
            where: (num_replaced,) rows of this table.
            other: its rows, in this order, are put there.
        """
        changed: dict[str, Any] = {}
        for column in EPISODE_COLUMNS:
            if (values := getattr(self, column.field)) is not None:
                changed[column.field] = values.copy()
                changed[column.field][where] = getattr(other, column.field)
        return replace(self, **changed)

    def take(self, rows: npt.NDArray[np.intp]) -> EpisodeTable:
        """The rows at the given positions."""
        taken: dict[str, Any] = {"tasks": tuple(self.tasks[i] for i in rows)}
        for column in EPISODE_COLUMNS:
            if (values := getattr(self, column.field)) is not None:
                taken[column.field] = values[rows]
        return replace(self, **taken)
