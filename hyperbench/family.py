"""The world's side: families of tasks, and the suites that group them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from hyperbench.errors import DataError
from hyperbench.policy import PolicyBatch
from hyperbench.task import SpecSpace, TaskSpec


@dataclass(frozen=True)
class FamilyInfo:
    """What a family is; written to every record.

    Args:
        id: ``suite/name-vN``; the version rises whenever a result would move.
        summary: one line for people.
        horizon: the longest episode, in control steps.
        has_success: whether ``info["success"]`` is reported at every step, as a boolean or exactly
            0 or 1; its value at the last one counts.
        licence: of the models and data the family is made of.
        citation: the paper or project to cite.
        physics: simulator and version, e.g. ``"mujoco 3.3.0"``; part of a record's identity.
        expert_version: identifies the shipped experts and demonstrators by content.
        ends_at_success: whether an episode is over at its first success: its length, its return and
            what is demonstrated end there, and success rate, not score, is the headline. The
            simulation must go on to the horizon all the same, to show whether success lasts.
        execution_noise: while experts demonstrate, what is executed is their action plus Gaussian
            noise of this standard deviation, as a share of half the action's range; what is written
            down is the action: demonstrations show the way back, too (Laskey et al., DART, 2017).
        source_fraction: share of the tasks to learn from, where the family's publication has
            another than the protocols.
        min_demonstrations: of each task, where the family needs more than the protocols have.
        remark: what a reader must know before comparing results; a note on every board.
        has_demonstrators: whether anybody plays demonstrations. Where nobody does, they are brought
            from elsewhere, by ``hyperbench prepare --from``; score 1 is what they earned, which
            goes without ``has_expert`` and ``has_success``.
        has_expert: whether there are experts. Where there are none, score 1 is what the
            demonstrators earn, and boards say so.
        max_reward: the largest reward that a step can have; an environment that shows a larger one
            is refused. With it the control arm ``reuse-bound`` stops episodes that can no longer
            win. None: not known.
        split_as: id of another family with the same features and values, as whose tasks these are
            divided: the same are source, validation and target. None: on its own.
    """

    id: str
    summary: str
    horizon: int
    has_success: bool
    licence: str
    citation: str
    physics: str
    expert_version: str
    ends_at_success: bool = False
    execution_noise: float = 0.0
    source_fraction: float | None = None
    min_demonstrations: int = 0
    remark: str = ""
    has_expert: bool = True
    has_demonstrators: bool = True
    max_reward: float | None = None
    split_as: str | None = None

    @property
    def name(self) -> str:
        """The id without its suite: ``cheetah-speed-v1``."""
        return self.id.rpartition("/")[2]


class TaskFamily(ABC):
    """Tasks that share spaces, horizon and a spec space.

    Written by plugins, made by the registry, used by the conductor and by people; never handed to a
    method.
    """

    info: FamilyInfo
    spec_space: SpecSpace
    tasks: tuple[TaskSpec, ...]
    observation_space: spaces.Box
    action_space: spaces.Box

    @abstractmethod
    def make(self, task: TaskSpec, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:
        """One environment that plays ``task``: for people to step and render.

        Args:
            task: any task of the spec space, in ``tasks`` or not.
            render_mode: None or ``"rgb_array"``.
        """

    def make_vec(
        self,
        tasks: Sequence[TaskSpec],
        num_threads: int = 1,  # noqa: ARG002 (the default needs none)
    ) -> VectorEnv[Any, Any, Any]:
        """Vector environment whose sub-environment ``i`` plays ``tasks[i]``; called by ``rollout``.

        It must accept ``reset(seed=[one seed per sub-environment])``, seeds of 48 bits, and declare
        in ``metadata["autoreset_mode"]`` whether and when it starts anew after an episode's end.
        The default steps ``make``'s environments one after the other.

        Args:
            tasks: one entry per sub-environment; a task may occur many times.
            num_threads: how many threads may be used; results must not depend on it.
        """
        return SyncVectorEnv(
            [partial(self.make, task) for task in tasks], autoreset_mode=AutoresetMode.NEXT_STEP
        )

    def expert(self, tasks: Sequence[TaskSpec]) -> PolicyBatch:
        """The shipped expert of each task, the best policy known: it defines score 1.

        Experts that must see more than the observation are ``PrivilegedPolicies``. A family whose
        ``info.has_expert`` is False has none, and says who demonstrates.

        Raises:
            DataError: the family has none.
        """
        raise DataError(f"Family {self.info.id} has no expert, for {len(tasks)} tasks as for any.")

    def demonstrators(self, tasks: Sequence[TaskSpec]) -> PolicyBatch:
        """Who plays each task's demonstrations: the experts, unless a family says otherwise.

        They also play the control arms that reuse what was demonstrated, ``nearest-expert`` and
        ``reuse-bound``. ``info.expert_version`` identifies them together with the experts.

        Raises:
            DataError: the family has none.
        """
        if not self.info.has_demonstrators:
            raise DataError(
                f"Nobody plays {self.info.id}: its demonstrations are brought, as "
                "`hyperbench prepare --from` does, and are no policies."
            )
        return self.expert(tasks)

    def reference(self, tasks: Sequence[TaskSpec]) -> PolicyBatch:
        """Who defines score 1: the experts, or the demonstrators where there are none.

        Raises:
            DataError: there are neither.
        """
        return self.expert(tasks) if self.info.has_expert else self.demonstrators(tasks)

    def task(self, **values: float | str) -> TaskSpec:
        """Any task of the spec space by its feature values, e.g. ``family.task(speed=2.25)``."""
        return self.spec_space.task(self.info.id, **values)
