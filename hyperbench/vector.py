"""What vector environments of many simulations share, and one of them as a plain environment."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

Observations = npt.NDArray[np.float32]
Seed = int | Sequence[int | None] | None


class RandomStreams:
    """A random stream for each environment, which goes on until it is seeded anew.

    Args:
        num_envs: how many.
    """

    def __init__(self, num_envs: int) -> None:
        self._rngs: list[np.random.Generator | None] = [None] * num_envs

    def reset(self, seed: Seed, options: dict[str, Any] | None) -> dict[int, np.random.Generator]:
        """Choose what to reset, as the arguments of ``VectorEnv.reset`` say.

        Args:
            seed: one per environment, or one int that numbers them upwards. Environments without a
                seed go on with their random stream.
            options: ``reset_mask`` (num_envs,) of bool chooses which environments to reset.

        Returns:
            The streams of the environments to reset, by index, in ascending order.

        Raises:
            ValueError: the number of seeds or the shape of the mask does not fit.
        """
        num_envs = len(self._rngs)
        mask = np.asarray((options or {}).get("reset_mask", np.ones(num_envs, dtype=bool)))
        if mask.shape != (num_envs,) or mask.dtype != np.bool_:
            raise ValueError(
                f"reset_mask must be bool ({num_envs},), got {mask.dtype} {mask.shape}"
            )
        if seed is None or isinstance(seed, (int, np.integer)):
            seed = [None if seed is None else int(seed) + i for i in range(num_envs)]
        if len(seed) != num_envs:
            raise ValueError(f"{len(seed)} seeds for {num_envs} environments; give one each")
        return {i: self._stream(i, seed[i]) for i in np.flatnonzero(mask).tolist()}

    def put(self, rng: np.random.Generator) -> None:
        """Let the one environment there is draw from ``rng``."""
        self._rngs = [rng]

    def _stream(self, index: int, seed: int | None) -> np.random.Generator:
        rng = self._rngs[index]
        if seed is not None or rng is None:
            # Gymnasium refuses NumPy's integers.
            rng, _ = np_random(None if seed is None else operator.index(seed))
            self._rngs[index] = rng
        return rng


class StreamedVectorEnv(VectorEnv[Observations, npt.NDArray[Any], npt.NDArray[Any]]):
    """A vector environment whose environments draw their starts from ``streams``.

    There is no automatic reset: reset what you need with ``options={"reset_mask": mask}``, as
    Gymnasium's own vector environments do in this mode.

    Args:
        num_envs: how many.
        observation_space: of one environment.
        action_space: of one environment.

    Attributes:
        streams: says what a reset is to start, and what random numbers each start draws from.
        going: (num_going,) which environments have not left, in ascending order: a step must
            advance these, and the others need not follow.
    """

    metadata: dict[str, Any] = {"autoreset_mode": AutoresetMode.DISABLED}  # noqa: RUF012 - as in Gymnasium

    def __init__(
        self, num_envs: int, observation_space: spaces.Box, action_space: spaces.Box
    ) -> None:
        self.num_envs = num_envs
        self.single_observation_space, self.single_action_space = observation_space, action_space
        self.observation_space = batch_space(observation_space, num_envs)
        self.action_space = batch_space(action_space, num_envs)
        self.streams = RandomStreams(num_envs)
        self.going: npt.NDArray[np.intp] = np.arange(num_envs)

    def leave(self, envs: npt.NDArray[np.bool_]) -> None:
        """Let environments leave for good: nobody looks at what they show from now on.

        Args:
            envs: (num_envs,), which.
        """
        self.going = self.going[~envs[self.going]]


class SingleEnv(gymnasium.Env[Observations, npt.NDArray[np.float32]]):
    """A vector environment of one, as a plain Gymnasium environment: same seed, same episode.

    Args:
        vector_env: the one environment that is played; closed with this one.
        render_mode: None or ``"rgb_array"``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012 - as in Gymnasium

    def __init__(self, vector_env: StreamedVectorEnv, render_mode: str | None = None) -> None:
        if vector_env.num_envs != 1:
            raise ValueError(f"expected one environment, got {vector_env.num_envs}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode {render_mode!r} is neither None nor 'rgb_array'")
        self.render_mode = render_mode
        self.observation_space = vector_env.single_observation_space
        self.action_space = vector_env.single_action_space
        self._vector_env = vector_env

    @abstractmethod
    def draw(self) -> npt.NDArray[np.uint8]:
        """Draw the present state: (height, width, 3)."""

    def reset(
        self,
        *,
        seed: int | None = None,
        options: dict[str, Any] | None = None,  # noqa: ARG002 - Gymnasium's signature
    ) -> tuple[Observations, dict[str, Any]]:
        super().reset(seed=seed)
        self._vector_env.streams.put(self.np_random)
        observations, infos = self._vector_env.reset()
        return observations[0], _first(infos)

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[Observations, float, bool, bool, dict[str, Any]]:
        observations, rewards, terminated, truncated, infos = self._vector_env.step(
            np.asarray(action)[None]
        )
        return (
            observations[0],
            float(rewards[0]),
            bool(terminated[0]),
            bool(truncated[0]),
            _first(infos),
        )

    def render(self) -> Any:
        return None if self.render_mode is None else self.draw()

    def close(self) -> None:
        self._vector_env.close()


def _first(infos: dict[str, Any]) -> dict[str, Any]:
    """What a plain environment tells: numbers and truths are Python's."""
    rows = {name: values[0] for name, values in infos.items()}
    return {name: row.item() if isinstance(row, np.generic) else row for name, row in rows.items()}
