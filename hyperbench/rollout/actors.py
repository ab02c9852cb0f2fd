"""Policies of tasks some of which leave before the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hyperbench.policy import MLPPolicies, PolicyBatch
from hyperbench.task import FloatArray

Keep = Callable[[npt.NDArray[np.float64], npt.NDArray[np.int64]], npt.NDArray[np.bool_]]
"""Says after each step which tasks go on, (num_tasks,), given what each episode has earned so far
and how many steps it may still have, both (num_tasks, num_episodes). Who has left, is never back.
"""


class Actors:
    """Policies that act for the tasks that go on; what they do for others is nobody's business.

    Args:
        policies: of all tasks.
    """

    def __init__(self, policies: PolicyBatch) -> None:
        self._policies = policies
        self._tasks = np.arange(policies.num_tasks)

    def keep(self, going: npt.NDArray[np.bool_]) -> None:
        """Act for some tasks only, (num_tasks,), as far as the policies can be told apart."""
        # Others may remember steps before this one, which ``take`` need not hand on.
        if isinstance(self._policies, MLPPolicies) and going.any():
            kept = np.flatnonzero(going[self._tasks])
            self._policies, self._tasks = self._policies.take(kept.tolist()), self._tasks[kept]

    def act(self, observations: FloatArray) -> FloatArray:
        """(num_tasks, num_episodes, obs_dim) to actions; for tasks that have left they are 0."""
        if len(self._tasks) == len(observations):
            return self._policies.act(observations)
        found = self._policies.act(observations[self._tasks])
        actions = np.zeros((len(observations), *found.shape[1:]), found.dtype)
        actions[self._tasks] = found
        return actions
