"""Spaces of any kind as flat boxes: observations are flattened, choices are one-hot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.spaces.utils import flatten, flatten_space

from hyperbench.errors import SpaceError
from hyperbench.task import FloatArray

_CHOICES = (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


class FlatObservations:
    """Observations of any kind as float32 in one row, as ``gymnasium.spaces.utils`` orders them.

    Args:
        space: of one observation. Its bounds play no part.
        subject: what errors call whoever has it.

    Attributes:
        native: the space.
        box: of the rows, without bounds.

    Raises:
        SpaceError: it holds images, or what has no fixed length.
    """

    def __init__(self, space: spaces.Space[Any], subject: str) -> None:
        if any(_is_image(leaf) for leaf in _leaves(space)):
            raise SpaceError(
                f"{subject} is observed by images, {space}. hyperbench compares policies of "
                "numbers: wrap the environment so that it shows its state, or features of what is "
                "seen."
            )
        if not space.is_np_flattenable:
            raise SpaceError(
                f"{subject} is observed by {space}, which has no fixed length. Wrap the "
                "environment so that every observation has as many numbers."
            )
        self.native = space
        shape = flatten_space(space).shape
        self.box = spaces.Box(-np.inf, np.inf, shape, np.float32)

    def flat(self, observation: Any) -> FloatArray:
        """One observation as (obs_dim,)."""
        return np.asarray(flatten(self.native, observation)).astype(np.float32)


class FlatActions:
    """Actions of any kind as a bounded box of float32, (action_dim,).

    Of each choice there is one number per alternative, from 0 to 1. The largest of them is taken,
    the first of several; an action is written down one-hot.

    Args:
        space: of one action.
        subject: what errors call whoever has it.

    Attributes:
        native: the space.
        box: what policies answer in.

    Raises:
        SpaceError: it is unbounded, or neither a box nor a choice among alternatives.
    """

    def __init__(self, space: spaces.Space[Any], subject: str) -> None:
        self.native = space
        self._numbers: npt.NDArray[np.int64] | None = None  # of alternatives, of each choice
        self._first = np.zeros(0, np.int64)
        if isinstance(space, spaces.Box) and np.issubdtype(space.dtype, np.floating):
            if not space.is_bounded():
                raise SpaceError(
                    f"The actions of {subject} are unbounded, {space}, and policies are squashed "
                    "into bounds. Wrap the environment in one that has some."
                )
            low, high = (np.ravel(bound).astype(np.float32) for bound in (space.low, space.high))
            self.box = spaces.Box(low, high, dtype=np.float32)
            return
        if not isinstance(space, _CHOICES):
            raise SpaceError(
                f"The actions of {subject} are {space}. Wrap the environment so that they are a "
                "Box of floats, Discrete, MultiDiscrete or MultiBinary."
            )
        if isinstance(space, spaces.MultiBinary):
            self._numbers = np.full(int(np.prod(space.shape)), 2)
        else:
            numbers = space.n if isinstance(space, spaces.Discrete) else space.nvec
            self._numbers = np.ravel(numbers).astype(np.int64)
        start = np.ravel(getattr(space, "start", 0)).astype(np.int64)
        self._first = np.broadcast_to(start, self._numbers.shape)
        self.box = spaces.Box(0.0, 1.0, (int(self._numbers.sum()),), np.float32)

    def taken(self, action: FloatArray) -> Any:
        """What the environment is given for a policy's action, (action_dim,)."""
        dtype = self.native.dtype
        if self._numbers is None:
            return np.asarray(action).reshape(self.native.shape).astype(dtype)
        groups = np.split(np.asarray(action), np.cumsum(self._numbers)[:-1])
        taken = self._first + [int(group.argmax()) for group in groups]
        return taken.reshape(self.native.shape).astype(dtype)[()]

    def flat(self, actions: Any, num_actions: int) -> FloatArray:
        """Actions as the environment takes them, as (num_actions, action_dim).

        Raises:
            ValueError: they are of another number or shape, or no alternatives.
        """
        rows = np.asarray(actions)
        dim = self.box.shape[0] if self._numbers is None else len(self._numbers)
        if rows.size != num_actions * dim:
            raise ValueError(f"{num_actions} actions of {self.native}, found shape {rows.shape}.")
        rows = rows.reshape(num_actions, dim)
        if self._numbers is None:
            clipped: FloatArray = np.clip(rows, self.box.low, self.box.high).astype(np.float32)
            return clipped
        chosen = rows.astype(np.int64) - self._first
        if ((chosen < 0) | (chosen >= self._numbers) | (chosen != rows - self._first)).any():
            raise ValueError(f"Actions must be of {self.native}, found {rows.tolist()[:3]}.")
        columns = chosen + np.cumsum(self._numbers) - self._numbers
        one_hot = np.zeros((num_actions, *self.box.shape), np.float32)
        np.put_along_axis(one_hot, columns, 1.0, axis=1)
        return one_hot


def _leaves(space: spaces.Space[Any]) -> Iterator[spaces.Space[Any]]:
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        parts = space.spaces.values() if isinstance(space, spaces.Dict) else space.spaces
        for part in parts:
            yield from _leaves(part)
    else:
        yield space


def _is_image(space: spaces.Space[Any]) -> bool:
    if not isinstance(space, spaces.Box):
        return False
    return len(space.shape) == 3 or (len(space.shape) == 2 and space.dtype == np.uint8)
