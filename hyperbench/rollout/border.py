"""The border to the world's side: all that environments show is checked here, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv

from hyperbench.errors import ContractError, contract_error
from hyperbench.seeding import SEED_BITS
from hyperbench.vector import StreamedVectorEnv

Array = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_DIVERGED = "Look for a division by zero, a sensor that fails, or a simulation that diverges."


class Shown(NamedTuple):
    """What a step showed, each (num_envs,); of an episode that was over before it, nothing."""

    rewards: npt.NDArray[np.float64]
    terminated: Flags
    truncated: Flags


class Episodes:
    """One episode in each sub-environment of a vector environment, checked at every step.

    What a sub-environment does after it has ended its episode belongs to another one: what the
    ended episode shows stays what it showed last, whatever the mode in which environments start
    anew (``metadata["autoreset_mode"]``, see ``gymnasium.vector.AutoresetMode``). Nothing that is
    shown shares memory with the environment.

    Args:
        env: the vector environment; who made it closes it.
        space: of one observation.
        subject: what messages call the environment, e.g. ``"Family pointmass/goal-drag-v1"``.
        names: what they call each sub-environment, e.g. by its task.

    Attributes:
        observations: (num_envs, obs_dim), the latest of each episode.
        over: (num_envs,), whether the sub-environment has ended its episode.

    Raises:
        ContractError: at any step, what is shown is not what a family declares; says where.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        space: spaces.Box,
        subject: str,
        names: Sequence[str],
    ) -> None:
        self._env, self._space = env, space
        self._subject, self._names = subject, names
        self._mode = self._declared_mode()
        self._num_steps = 0
        self._entries: dict[str, Array] = {}

    def reset(self, seeds: Sequence[int]) -> None:
        """Start all episodes.

        Args:
            seeds: one per sub-environment.
        """
        try:
            shown, self._infos = self._env.reset(seed=list(seeds))  # type: ignore[arg-type]  # documented by Gymnasium, missing in its type
        except (ValueError, TypeError, OverflowError) as error:
            raise contract_error(
                self._subject,
                f"reset(seed=...) must accept seeds of {SEED_BITS} bits, such as {max(seeds)}.",
                f"{type(error).__name__}: {error}.",
                "If seeds are too large for a generator inside, as for numpy.random.RandomState, "
                "reduce them there: seed % 2**32.",
            ) from error
        self._num_steps = 0
        self._entries.clear()
        self.over = np.zeros(self._env.num_envs, dtype=bool)
        self._complete = self.over.copy()
        self._played, self._final = ~self.over, self.over
        self._to_reset = self.over
        self.observations = self._observed(shown)
        self._refuse_non_finite("observation", self.observations)

    def step(self, actions: Array) -> Shown:
        """Advance all episodes that are not over.

        Args:
            actions: (num_envs, action_dim).
        """
        self._reset_by_mask()
        shown, earned, terminations, truncations, self._infos = self._env.step(actions)
        self._num_steps += 1
        self._played = ~self.over
        rewards = self._one_each("rewards", earned, "biuf", "numbers").astype(np.float64)
        terminated = self._one_each("terminated", terminations, "b", "booleans")
        truncated = self._one_each("truncated", truncations, "b", "booleans")
        self._to_reset = terminated | truncated
        ended = self._played & self._to_reset
        self._final = ended if self._mode is AutoresetMode.SAME_STEP else np.zeros_like(ended)
        observations = self._observed(shown)
        self._take_final(observations)
        observations[self.over] = self.observations[self.over]
        self._refuse_non_finite("observation", observations)
        self._refuse_non_finite("reward", rewards)
        self.observations, self.over = observations, self.over | ended
        return Shown(
            np.where(self._played, rewards, 0.0),
            self._played & terminated,
            self._played & truncated,
        )

    def complete(self, episodes: Flags) -> None:
        """Let episodes, (num_envs,) which, end before their environments, which may diverge now."""
        self._complete |= episodes

    def leave(self, episodes: Flags) -> None:
        """End episodes, (num_envs,) which; environments that can stand still from then on."""
        self.over = self.over | episodes
        if isinstance(self._env, StreamedVectorEnv):
            self._env.leave(episodes)

    def info(self, key: str) -> Array:
        """An entry of ``infos``, (num_envs, ...): each episode's own, the latest there was."""
        found = self._entries.get(key)
        finals = self._infos.get("final_info") if self._final.any() else None
        for rows, infos in ((self._played & ~self._final, self._infos), (self._final, finals)):
            if not rows.any():
                continue
            values = self._entry(key, infos, rows)
            if found is None or rows.all():
                found = values.copy()
                continue
            # In a type that holds both: a 0.5 must not become True beside booleans.
            found = found.astype(np.promote_types(found.dtype, values.dtype))
            found[rows] = values[rows]
        if found is None:
            raise ValueError(f"No episode shows {key!r}: all are over.")
        self._entries[key] = found
        return found.copy()

    def success(self) -> Flags:
        """``infos["success"]``, (num_envs,): whether each episode has succeeded at its latest."""
        values = self.info("success")
        sound = np.zeros(len(values), dtype=bool)
        if values.ndim == 1 and values.dtype.kind in "biufO":
            sound = np.array((values == 0) | (values == 1), dtype=bool)
        wrong = self._played & ~sound
        if wrong.any():
            row = int(wrong.argmax())
            raise self._broken(
                row,
                "info['success'] must be a boolean, or exactly 0 or 1",
                f"{values[row]!r}",
                "Compare with a threshold in the environment.",
            )
        return np.array(values == 1, dtype=bool)

    def refuse_end_after(self, success: Flags) -> None:
        """Refuse that an environment ends an episode which is watched on after its success.

        Args:
            success: (num_envs,), which episodes have succeeded.
        """
        cut = self._played & self.over & success
        if cut.any():
            raise self._broken(
                int(cut.argmax()),
                "with info.ends_at_success an environment must go on to the horizon after success, "
                "to show whether success lasts",
                "that it ended its episode",
                "Let it return terminated=False at success; or leave ends_at_success out: the "
                "success of an episode's last step then counts.",
            )

    def _declared_mode(self) -> AutoresetMode:
        declared = (self._env.metadata or {}).get("autoreset_mode")
        try:
            return AutoresetMode(declared)
        except ValueError:
            raise contract_error(
                self._subject,
                "the vector environment must declare in metadata['autoreset_mode'] when it starts "
                "anew after an episode's end: one of gymnasium.vector.AutoresetMode.",
                f"{declared!r}.",
                "DISABLED suits what goes on until it is reset, as hyperbench.vector does.",
            ) from None

    def _reset_by_mask(self) -> None:
        """Start anew what has ended and does not do so by itself; nobody looks at it."""
        if self._mode is not AutoresetMode.DISABLED or not self._to_reset.any():
            return
        shown, _ = self._env.reset(options={"reset_mask": self._to_reset.copy()})
        moved = (self._observed(shown) != self.observations).any(axis=1) & ~self.over
        if moved.any():
            raise self._broken(
                int(moved.argmax()),
                "in the autoreset mode DISABLED reset(options={'reset_mask': mask}) must reset the "
                "masked environments alone",
                "another observation of one that plays on",
                "Honour the mask, or declare the mode in which the environment resets itself.",
            )

    def _observed(self, shown: Any) -> Array:
        """A copy of the observations, of the declared shape and type."""
        asked = (self._env.num_envs, *self._space.shape)
        if not isinstance(shown, np.ndarray):
            found = f"a {type(shown).__name__}"
        elif (shown.shape, shown.dtype) != (asked, self._space.dtype):
            found = f"{shown.dtype} of shape {shown.shape}"
        else:
            return shown.copy()
        raise self._broken(
            None,
            f"observations must be {self._space.dtype} of shape {asked}",
            found,
            "Convert them in the environment.",
        )

    def _take_final(self, observations: Array) -> None:
        """Put the last observation of what ended in the place of the next episode's first."""
        told = [key for key in ("final_obs", "final_info") if key in self._infos]
        if self._mode is not AutoresetMode.SAME_STEP:
            if told:
                raise self._broken(
                    None,
                    f"the mode declared in metadata['autoreset_mode'], {self._mode.name}, has no "
                    "last step beside the next episode's first",
                    f"infos[{told[0]!r}]",
                    "Declare SAME_STEP.",
                )
            return
        for row in np.flatnonzero(self._final):
            try:
                last = np.asarray(self._infos["final_obs"][row], dtype=self._space.dtype)
            except (KeyError, IndexError, TypeError, ValueError):
                last = np.empty(0)
            if last.shape != self._space.shape:
                raise self._broken(
                    int(row),
                    "in the autoreset mode SAME_STEP infos['final_obs'] must be the episode's last "
                    f"observation, of shape {self._space.shape}",
                    f"{self._infos.get('final_obs')!r}",
                    "Report it, or declare another mode.",
                )
            observations[row] = last

    def _entry(self, key: str, infos: Any, rows: Flags) -> Array:
        """An entry of ``infos`` that is there, for some of the sub-environments."""
        known = infos if isinstance(infos, Mapping) else {}
        values = np.asarray(known.get(key))
        # Gymnasium marks who told it; the others' entries are zeros that nobody told.
        told = np.asarray(known.get(f"_{key}", True))
        missing = rows & ~told if values.shape[:1] == rows.shape else rows
        if missing.any():
            names = [str(name) for name in known if not str(name).startswith("_")]
            raise self._broken(
                int(missing.argmax()),
                f"infos must have {key!r} at each step of each episode",
                f"{repr(known[key]) if key in known else 'nothing'}, "
                f"among {', '.join(names) or 'nothing'}",
                "Report it at every step, the last one included; where the family has no success, "
                "declare has_success=False."
                if key == "success"
                else "Report it at every reset and step.",
            )
        return values

    def _one_each(self, name: str, values: Any, kinds: str, asked: str) -> Array:
        """A copy of (num_envs,) values, each of one of the kinds, as NumPy abbreviates them."""
        found = np.array(values)
        if found.shape == self.over.shape and found.dtype.kind in kinds:
            return found
        raise self._broken(
            None,
            f"{name} must be {asked} of shape {self.over.shape}",
            f"{found.dtype} of shape {found.shape}",
            "Give one for each environment; compare instead of counting.",
        )

    def _refuse_non_finite(self, name: str, values: Array) -> None:
        if np.isfinite(values).all():
            return
        asked = self._played & ~self._complete
        broken = asked & ~np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        if broken.any():
            row = int(broken.argmax())
            raise self._broken(row, f"{name} must be finite", f"{values[row]}", _DIVERGED)

    def _broken(self, row: int | None, asked: str, found: str, remedy: str) -> ContractError:
        name = "" if row is None else f", {self._names[row]}"
        where = f"{self._subject}{name}, step {self._num_steps}"
        return contract_error(where, f"{asked}.", f"{found}.", remedy)
