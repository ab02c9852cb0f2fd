"""Many of Meta-World's robots, advancing together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from hyperbench_mujoco.turns import Indices

from hyperbench.vector import Observations, Seed, StreamedVectorEnv
from hyperbench_manipulation.sawyer.physics import SawyerPhysics
from hyperbench_manipulation.sawyer.tasks import Array
from hyperbench_manipulation.sawyer.world import World

Flags = npt.NDArray[np.bool_]

HORIZON = 200
"""Control steps per episode; the scripted experts need 31 to 120."""
ACTION_SPACE = spaces.Box(-1.0, 1.0, (4,), np.float32)
"""Motion of the hand along x, y and z, in centimetres a step, and the gripper's effort to close."""
NUM_START_STEPS = 5
"""An episode begins after this many steps in a direction drawn from its seed: the hand is then up
to 5 cm from where Meta-World's reset leaves it, which is the same place every time."""
EXPERT_KEY = "moved"
"""What only experts see of hidden objects, in ``infos``: hand [m], opening, and how far the object
has been moved [m], (num_envs, 7)."""
_OPEN = -1.0


class SawyerVectorEnv(StreamedVectorEnv):
    """``num_envs`` robots at one task, each with layouts and a control frame of its own.

    As in Meta-World an episode goes on after success; it is cut at ``HORIZON``. The reward of a
    step is 1 where success holds and 0 elsewhere: Meta-World's own rewards pay for being slow once
    an episode ends at success.

    An observation is hand [m] and gripper opening, now and one step earlier (8 numbers); with
    ``shows_object`` each of the two is followed by the object [m], and all by the goal [m] (17).

    Args:
        world: the task.
        layouts: for each environment those that an episode's is drawn from, as Meta-World draws.
        angles: (num_envs,) by which the control frame is turned about the vertical [rad].
        shows_object: whether object and goal are observed.
        num_threads: physics threads. Results do not depend on it.
    """

    def __init__(
        self,
        world: World,
        layouts: Sequence[Sequence[Array]],
        angles: Array,
        *,
        shows_object: bool,
        num_threads: int = 1,
    ) -> None:
        super().__init__(len(layouts), observation_space(shows_object), ACTION_SPACE)
        self.world = world
        self.physics = SawyerPhysics(world, self.num_envs, num_threads)
        self._layouts = layouts
        self._turn = np.stack([np.cos(angles), np.sin(angles)])
        self._shows_object = shows_object
        self._elapsed_steps = np.zeros(self.num_envs, dtype=np.int64)
        self._frame = self._look()
        self._last_frame = self._frame.copy()

    def reset(
        self,
        *,
        seed: Seed = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Observations, dict[str, Any]]:
        """Start new episodes.

        Args:
            seed: as of ``RandomStreams.reset``.
            options: likewise.

        Returns:
            (num_envs, obs_dim) observations and infos, as of ``step``.

        Raises:
            ValueError: the number of seeds or the shape of the mask does not fit.
        """
        streams = self.streams.reset(seed, options)
        chosen = np.array(list(streams), dtype=np.int64)
        actions = np.full((len(chosen), 4), _OPEN, np.float32)
        for row, (i, rng) in enumerate(streams.items()):
            layouts = self._layouts[i]
            self.physics.place(i, self.world.start(layouts[rng.integers(len(layouts))]))
            actions[row, :3] = rng.uniform(-1.0, 1.0, 3)
        for _ in range(NUM_START_STEPS):
            self._advance(chosen, actions)
        self._elapsed_steps[chosen] = 0
        return self.observe(), self._infos()

    def step(
        self, actions: npt.NDArray[Any]
    ) -> tuple[Observations, Array, Flags, Flags, dict[str, Any]]:
        """Advance every environment by one control step.

        Args:
            actions: (num_envs, 4), clipped to [-1, 1], in the turned frame.

        Returns:
            Observations (num_envs, obs_dim), rewards (num_envs,), terminations (never), truncations
            (at the horizon), and infos: ``success`` and ``EXPERT_KEY``.
        """
        self._advance(np.arange(self.num_envs), self.turned(actions))
        self._elapsed_steps += 1
        infos = self._infos()
        rewards = infos["success"].astype(np.float64)
        terminations = np.zeros(self.num_envs, dtype=bool)
        truncations = self._elapsed_steps >= HORIZON
        return self.observe(), rewards, terminations, truncations, infos

    def turned(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """The actions (num_envs, 4) that Meta-World's step is given for these."""
        executed = np.clip(actions, -1.0, 1.0).astype(np.float32)
        x, y = executed[:, 0].astype(np.float64), executed[:, 1].astype(np.float64)
        cos, sin = self._turn
        executed[:, 0], executed[:, 1] = cos * x - sin * y, sin * x + cos * y
        # Meta-World clips, too.
        clipped: npt.NDArray[np.float32] = np.clip(executed, -1.0, 1.0)
        return clipped

    def observe(self) -> Observations:
        """(num_envs, obs_dim) observations of the current states."""
        parts = [self._frame, self._last_frame]
        if self._shows_object:
            parts.append(self.physics.targets)
        return np.concatenate(parts, axis=1).astype(np.float32)

    def close_extras(self, **kwargs: Any) -> None:  # noqa: ARG002 - Gymnasium's signature
        """Stop the physics threads."""
        self.physics.close()

    def _advance(self, chosen: Indices, actions: npt.NDArray[np.float32]) -> None:
        self._last_frame[chosen] = self._frame[chosen]
        self.physics.advance(chosen, actions)
        self._frame[chosen] = self._look()[chosen]

    def _look(self) -> Array:
        physics = self.physics
        parts = [physics.hands, physics.openings[:, None]]
        if self._shows_object:
            parts.append(physics.objects)
        return np.concatenate(parts, axis=1)

    def _infos(self) -> dict[str, Any]:
        physics = self.physics
        stood = np.array([(start.object if start else np.zeros(3)) for start in physics.starts])
        moved = physics.objects - stood
        seen = np.concatenate([physics.hands, physics.openings[:, None], moved], axis=1)
        return {"success": physics.successes(), EXPERT_KEY: seen.astype(np.float32)}


def observation_space(shows_object: bool) -> spaces.Box:
    """The unbounded observation space of one environment."""
    return spaces.Box(-np.inf, np.inf, (17 if shows_object else 8,), np.float32)
