"""Threads: many environments take turns on a few simulations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from hyperbench_mujoco import mujoco

Indices = npt.NDArray[np.int64]
Simulation = TypeVar("Simulation")

CARRIED = int(
    mujoco.mjtState.mjSTATE_QPOS
    | mujoco.mjtState.mjSTATE_QVEL
    | mujoco.mjtState.mjSTATE_WARMSTART
    | mujoco.mjtState.mjSTATE_CTRL
)
"""What a step needs of the one before, as MuJoCo's bits, where a model has neither activations nor
mocap bodies. A row of states is in this order: qpos, qvel, the solver's last solution, control."""


class Turns(Generic[Simulation]):
    """One simulation per thread, on which environments take turns.

    All that a step needs of the one before are a few dozen numbers, and a simulation that stays in
    the processor's cache is faster. MuJoCo lets other threads run while it steps.

    Args:
        make: makes a thread's simulation.
        num_envs: environments; there are never more threads.
        num_threads: threads that share the work. Results must not depend on it.

    Attributes:
        simulations: one per thread.
    """

    def __init__(self, make: Callable[[], Simulation], num_envs: int, num_threads: int) -> None:
        num_threads = max(1, min(num_threads, num_envs))
        self.simulations = [make() for _ in range(num_threads)]
        # A pool of one thread only adds a hand-over.
        self._pool = ThreadPoolExecutor(num_threads) if num_threads > 1 else None

    def take(
        self,
        step: Callable[[Simulation, Sequence[int]], None],
        chosen: Indices,
        *,
        shared: bool = True,
    ) -> None:
        """Let environments take their turns; whatever ``step`` raises is raised here.

        Args:
            step: given a simulation and the environments that take turns on it.
            chosen: (n,) which environments.
            shared: whether threads share them. Otherwise the caller's thread does the work, which
                is faster where there is too little of it.
        """
        if self._pool is None or not shared:
            step(self.simulations[0], chosen.tolist())
        else:
            parts = np.array_split(chosen, len(self.simulations))
            list(self._pool.map(step, self.simulations, [part.tolist() for part in parts]))

    def close(self) -> None:
        """Stop the threads."""
        if self._pool is not None:
            self._pool.shutdown()
