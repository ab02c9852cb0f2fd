"""Demonstrations from elsewhere: episodes of a Minari dataset, by the tasks of a family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from hyperbench.adapters.spaces import FlatActions, FlatObservations
from hyperbench.demonstration import Episode
from hyperbench.errors import DataError, HyperbenchError, SpaceError, listed, one_line
from hyperbench.family import TaskFamily
from hyperbench.task import TaskSpec

if TYPE_CHECKING:
    from minari.dataset.minari_storage import MinariStorage

_ROUNDING = 1e-6
"""How far a feature may be off, as a share of its range: float32 does not hold every number."""
_GUIDE = "docs/bringing-data.md says how to collect them."
METADATA = "metadata.json"
"""What lies beside a dataset's data, as Minari writes it."""
UNKNOWN_SEED = -1
"""The seed of an episode whose dataset does not tell it."""

Brought = dict[TaskSpec, tuple[Episode, ...]]
"""The episodes of each task of a family, in their order."""


def read_minari(asked: str, family: TaskFamily, num_episodes: int) -> Brought:
    """Read the first episodes of each of a family's tasks from a Minari dataset.

    Observations and actions are flattened as those of a ``GymnasiumFamily`` are; actions beyond
    their bounds are clipped to them, as they were when they were executed.

    Args:
        asked: a folder that Minari wrote, the id of a dataset of this machine, or a remote with an
            id, such as ``hf://farama-minari/D4RL/door/human-v2``, from which it is downloaded. A
            folder, or namespace, of several datasets is taken as one.
        family: whose tasks. An episode's is found by its features, which stand in the options it
            was reset with, or else in its infos.
        num_episodes: of each task.

    Raises:
        DataError: it cannot be found or read, its spaces are others, an episode is of no task of
            the family, longer than its horizon or has numbers that are not finite, or a task has
            fewer episodes.
    """
    places: dict[TaskSpec, list[_Source]] = {task: [] for task in family.tasks}
    for dataset in [_Dataset.read(folder, family) for folder in _folders(asked)]:
        for source in dataset.sources():
            places[source.task(family)].append(source)
    _check_numbers(f"Dataset {asked}", family, places, num_episodes)
    return {
        task: tuple(source.episode(family.info.horizon) for source in found[:num_episodes])
        for task, found in places.items()
    }


def _folders(asked: str) -> list[Path]:
    """Where the data of datasets lie; of a remote one they are downloaded first."""
    import minari
    from minari.storage.datasets_root_dir import get_dataset_path

    folder = Path(asked).expanduser()
    if "://" in asked:
        try:
            minari.download_dataset(asked)
        except Exception as error:  # whatever a network and its libraries say
            raise DataError(f"Dataset {asked} cannot be downloaded: {one_line(error)}") from error
        folder = get_dataset_path(asked.partition("://")[2].partition("/")[2])
    elif not folder.is_dir():
        folder = get_dataset_path(asked)
        if not folder.is_dir():
            there = sorted(minari.list_local_datasets())
            raise DataError(
                f"Dataset {asked}: there is no such folder, and none of that id in "
                f"{get_dataset_path()}, where there are: {listed(there) or 'none'}. Name one of "
                f"them, or let it be downloaded: --from hf://farama-minari/{asked}"
            )
    found = sorted(path.parent for path in folder.rglob(METADATA))
    if not found:
        raise DataError(f"{folder} holds no Minari dataset: there is no {METADATA}.")
    return found


@dataclass(frozen=True)
class _Dataset:
    """A dataset whose spaces are a family's.

    Args:
        name: for errors.
        storage: its files.
        observations: how they are flattened.
        actions: how they become numbers.
        names: of the family's features.
    """

    name: str
    storage: MinariStorage
    observations: FlatObservations
    actions: FlatActions
    names: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path, family: TaskFamily) -> Self:
        from minari.dataset.minari_storage import MinariStorage

        name = f"Dataset {folder}"
        try:
            said = MinariStorage.read_raw_metadata(folder)
            # Where one is missing, Minari makes the environment that is named, whatever that runs.
            if missing := {"observation_space", "action_space"} - said.keys():
                raise DataError(f"it does not say its {', '.join(sorted(missing))}")
            storage = MinariStorage.read(folder)
            observations = FlatObservations(storage.observation_space, name)
            actions = FlatActions(storage.action_space, name)
        except SpaceError as error:
            raise DataError(str(error)) from error
        except Exception as error:  # each kind of damage has its own
            raise DataError(f"{folder} holds no Minari dataset: {one_line(error)}") from error
        _check_spaces(name, family, observations, actions)
        return cls(name, storage, observations, actions, family.spec_space.names)

    def sources(self) -> Iterator[_Source]:
        """Each episode, read as far as its features need."""
        for index in range(self.storage.total_episodes):
            (metadata,) = self.storage.get_episode_metadata([index])
            options = metadata.get("options") or {}
            infos: Mapping[str, Any] = {}
            values = _named(options, self.names)
            if values is None:
                (episode,) = self.storage.get_episodes([index])
                infos = episode["infos"] or {}
                values = _named(infos, self.names)
            where = f"{self.name}, episode {index}"
            if values is None:
                raise DataError(
                    f"{where}: the features {', '.join(self.names)} must stand in the options "
                    "that it was reset with, or in its infos. Found in the options: "
                    f"{', '.join(options) or 'nothing'}; in the infos: "
                    f"{', '.join(infos) or 'nothing'}. {_GUIDE}"
                )
            seed = metadata.get("seed")
            yield _Source(where, self, index, values, UNKNOWN_SEED if seed is None else int(seed))


@dataclass(frozen=True)
class _Source:
    """An episode where it lies.

    Args:
        where: for errors.
        dataset: that it is part of.
        index: its place there.
        values: of the features, by name, as they were written.
        seed: what its environment was reset with.
    """

    where: str
    dataset: _Dataset
    index: int
    values: Mapping[str, Any]
    seed: int

    def task(self, family: TaskFamily) -> TaskSpec:
        """The family's task that has such features, but for rounding."""
        features = family.spec_space.features
        spelled = (v.decode() if isinstance(v, bytes) else v for v in self.values.values())
        try:
            pairs = zip(features, spelled, strict=True)
            numbers = np.array([f.parse(v) if isinstance(v, str) else float(v) for f, v in pairs])
        except (HyperbenchError, ValueError, TypeError) as error:
            raise DataError(f"{self.where}: {error}") from error
        scale = np.array([feature.high - feature.low for feature in features])
        apart = np.abs(np.array([task.values for task in family.tasks]) - numbers) / scale
        nearest = int(apart.max(axis=1).argmin())
        task = family.tasks[nearest]
        if not apart[nearest].max() <= _ROUNDING:
            said = ", ".join(f"{name}={value}" for name, value in self.values.items())
            raise DataError(
                f"{self.where} is of {said}, which is no task of {family.info.id}; the nearest is "
                f"{task.label}. Make it one, or leave the episode out."
            )
        return task

    def episode(self, horizon: int) -> Episode:
        """Read it whole and check its numbers."""
        (found,) = self.dataset.storage.get_episodes([self.index])
        rewards = np.asarray(found["rewards"], np.float32)
        num_steps = len(rewards)
        if not 1 <= num_steps <= horizon:
            raise DataError(
                f"{self.where} has {num_steps} steps; the family's have 1 to {horizon}."
            )
        flat = self.dataset.observations.flat
        try:
            rows = [flat(_at(found["observations"], i)) for i in range(num_steps + 1)]
            done = self.dataset.actions.flat(found["actions"], num_steps)
        except (ValueError, IndexError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.where} is not of its dataset's own spaces: {one_line(error)}"
            ) from error
        seen = np.stack(rows)
        for name, array in (("observations", seen), ("actions", done), ("rewards", rewards)):
            if not np.isfinite(array).all():
                raise DataError(f"{self.where}: its {name} are not finite. Leave it out.")
        return Episode(seen, done, rewards, bool(found["terminations"][-1]), self.seed)


def _check_spaces(
    what: str, family: TaskFamily, observations: FlatObservations, actions: FlatActions
) -> None:
    pairs = (
        ("observations", observations.native, observations.box, family.observation_space),
        ("actions", actions.native, actions.box, family.action_space),
    )
    for name, native, found, asked in pairs:
        fits = found.shape == asked.shape
        if fits and name == "actions":
            fits = np.allclose(found.low, asked.low) and np.allclose(found.high, asked.high)
        if not fits:
            raise DataError(
                f"{what}: {name} must be those of {family.info.id}, {asked} when flattened. "
                f"Found {native}, which is {found}. Bring what was collected in the family's own "
                "environment."
            )


def _named(said: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any] | None:
    """The features among what is said, or under ``features`` there; of a series the first."""
    for place in (said.get("features"), said):
        if isinstance(place, Mapping) and all(name in place for name in names):
            return {name: np.ravel(np.asarray(place[name]))[0].item() for name in names}
    return None


def _check_numbers(
    what: str, family: TaskFamily, places: Mapping[TaskSpec, list[_Source]], num_episodes: int
) -> None:
    short = [
        f"{task.label} ({len(there)})"
        for task, there in places.items()
        if len(there) < num_episodes
    ]
    if short:
        raise DataError(
            f"{what}: {num_episodes} episodes are asked of each task of {family.info.id}. Fewer "
            f"have {len(short)} of {len(places)} tasks: {listed(short, '; ')}. Bring more, leave "
            "these tasks out of the family, or choose a protocol that asks for fewer, with "
            "--protocol."
        )


def _at(observations: Any, step: int) -> Any:
    """One step of observations, which may be a series of each of their parts."""
    if isinstance(observations, Mapping):
        return {name: _at(part, step) for name, part in observations.items()}
    if isinstance(observations, tuple):
        return tuple(_at(part, step) for part in observations)
    return observations[step]
