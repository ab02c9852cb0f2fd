"""The suite ``independent``: each task is demonstrated by a network of a training of its own.

Bodies, grids and reward are those of ``locomotion``, and so are the experts and which tasks are
source, validation and target, so that scores compare with it. What differs is what methods learn
from: gaits that vary from task to task, as published.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from safetensors import safe_open

from hyperbench.policy import MLPPolicies
from hyperbench.task import TaskSpec
from hyperbench_locomotion.experts.networks import DATA, ExpertNetworks
from hyperbench_locomotion.families import LocomotionFamily

_EACH = "each task is demonstrated by a network trained for it alone, from scratch"
_POOL = (
    "each task is demonstrated by one of several networks that were trained independently for all "
    "speeds of its direction; a hash deals them out"
)


@dataclass(frozen=True)
class Demonstrators:
    """Trained networks, and which of them demonstrates each task.

    Args:
        networks: of all trainings.
        assigned: the network's index, by the task's label.
    """

    networks: ExpertNetworks
    assigned: dict[str, int]


class IndependentFamily(LocomotionFamily):
    """One body of ``locomotion`` and its target speeds, demonstrated by independent networks.

    Args:
        body: a key of ``BODIES``.
    """

    def __init__(self, body: str) -> None:
        super().__init__("locomotion", body, ("speed",))
        self._shipped = shipped_demonstrators(body)
        assigned = self._shipped.assigned
        speeds = [task["speed"] for task in self.tasks]
        self.info = replace(
            self.info,
            id=f"independent/{body}-speed-v1",
            summary=f"{self.info.summary}, demonstrated by independently trained networks",
            expert_version=f"{self.info.expert_version}-{self._shipped.networks.version}",
            split_as=self.info.id,
            remark=_EACH if len(set(assigned.values())) == len(assigned) else _POOL,
        )
        self.tasks = self.spec_space.grid(self.info.id, speed=speeds)

    def demonstrators(self, tasks: Sequence[TaskSpec]) -> MLPPolicies:
        return self._shipped.networks.policies(
            self._specs(tasks),
            self.action_space.low,
            self.action_space.high,
            [self._shipped.assigned[task.label] for task in tasks],
        )


def demonstrators_path(body: str) -> Path:
    """Where the independent networks of a body are shipped."""
    return DATA / f"independent-{body}.safetensors"


@cache
def shipped_demonstrators(body: str) -> Demonstrators:
    """Load the independent networks of a body."""
    path = demonstrators_path(body)
    with safe_open(path, framework="numpy") as file:
        assigned = json.loads(file.metadata()["assigned"])
    return Demonstrators(ExpertNetworks.from_bytes(path.read_bytes()), assigned)
