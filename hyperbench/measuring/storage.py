"""Episodes in Minari's files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from hyperbench.demonstration import Episode
from hyperbench.disk import require_room
from hyperbench.errors import DataError
from hyperbench.family import TaskFamily
from hyperbench.rollout import EpisodeTable
from hyperbench.task import FloatArray, TaskSpec

if TYPE_CHECKING:
    from minari.data_collector import EpisodeBuffer

Episodes = tuple[Episode, ...]
"""All episodes of one task."""
_HDF5_BYTES = 16_000
"""What HDF5 needs of its own for an episode, at most."""


class Recorder:
    """Keeps every step of a rollout: arrays (horizon, num_tasks, num_episodes, ...)."""

    def __init__(self) -> None:
        self._steps: list[tuple[FloatArray, ...]] = []

    def __call__(self, *step: FloatArray) -> None:
        self._steps.append(tuple(np.array(part, np.float32) for part in step))

    def episodes(self, table: EpisodeTable) -> dict[str, Episodes]:
        """What was seen, by the keys of the tasks.

        Args:
            table: what was played.
        """
        return {
            task.key: tuple(self._episode(table, t, e) for e in range(table.seeds.shape[1]))
            for t, task in enumerate(table.tasks)
        }

    def _episode(self, table: EpisodeTable, task: int, index: int) -> Episode:
        steps = self._steps[: int(table.lengths[task, index])]
        observations, actions, rewards = (
            np.stack([step[part][task, index] for step in steps]) for part in range(3)
        )
        return Episode(
            observations=np.concatenate([observations, steps[-1][3][task, index][None]]),
            actions=actions,
            rewards=rewards,
            terminated=bool(table.terminated[task, index]),
            seed=int(table.seeds[task, index]),
        )


def sum_of(episodes: Episodes) -> str:
    """SHA-256 of one task's episodes as they are read, in hexadecimal digits."""
    digest = hashlib.sha256()
    for episode in episodes:
        arrays = [episode.observations, episode.actions, episode.rewards]
        about = [episode.seed, episode.terminated, [array.shape for array in arrays]]
        digest.update(json.dumps(about).encode())
        for array in arrays:
            digest.update(np.asarray(array, "<f4").tobytes())
    return digest.hexdigest()


def write_episodes(
    data: Path, family: TaskFamily, episodes: Mapping[TaskSpec, Episodes], by: str
) -> None:
    """Write episodes as a Minari dataset, each with its task in its options.

    Args:
        data: folder to make.
        family: whose.
        episodes: of each task, in the order in which they are written.
        by: who demonstrated them.
    """
    import minari
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    space = family.observation_space
    storage = MinariStorage.new(
        data,
        observation_space=spaces.Box(-np.inf, np.inf, space.shape, np.float32),
        action_space=family.action_space,
        data_format="hdf5",
    )
    buffers: list[EpisodeBuffer] = []
    for task, row in episodes.items():
        features = dict(zip(task.space.names, task.values, strict=True))
        for episode in row:
            ends = np.arange(1, len(episode) + 1) == len(episode)
            buffers.append(
                EpisodeBuffer(
                    id=len(buffers),
                    seed=episode.seed,
                    options={"task": task.key, "features": features},
                    observations=episode.observations,
                    actions=episode.actions,
                    rewards=episode.rewards,
                    terminations=ends & episode.terminated,
                    truncations=ends & (not episode.terminated),
                )
            )
    # On a full disk HDF5 may end the process.
    require_room(data, sum(map(_size, buffers)))
    storage.update_episodes(buffers)
    storage.update_metadata(
        {
            "dataset_id": family.info.id,
            "algorithm_name": by,
            "minari_version": minari.__version__,
        }
    )


def _size(episode: EpisodeBuffer) -> int:
    """Bytes that an episode takes in HDF5, or a few more."""
    arrays = (
        *(episode.observations, episode.actions),
        *(episode.rewards, episode.terminations, episode.truncations),
    )
    return _HDF5_BYTES + sum(np.asarray(array).nbytes for array in arrays)


def read_episodes(
    data: Path, there: Sequence[str], wanted: Collection[str], num_episodes: int
) -> dict[str, Episodes]:
    """The episodes of some tasks, by their keys; nothing else is read.

    Args:
        data: folder of the dataset.
        there: keys of all tasks that there must be, in their order.
        wanted: those to read.
        num_episodes: of each task.

    Raises:
        DataError: the dataset is of another kind or size, or of other tasks.
    """
    from minari import MinariDataset
    from minari.dataset.minari_storage import MinariStorage

    said = MinariStorage.read_raw_metadata(data)
    # Where a space is missing, Minari makes the environment that is named, whatever that runs.
    if not {"observation_space", "action_space"} <= said.keys() or "env_spec" in said:
        raise DataError(f"{data} is of another kind than `hyperbench prepare` writes.")
    # Minari makes a list of as many numbers as it is told that there are.
    num_all = len(there) * num_episodes
    if said.get("total_episodes") != num_all:
        raise DataError(f"{data} has {said.get('total_episodes')} episodes, not {num_all}.")
    storage = MinariDataset(data).storage
    found: dict[str, Episodes] = {}
    for t, key in enumerate(there):
        if key not in wanted:
            continue
        places = range(t * num_episodes, (t + 1) * num_episodes)
        metadata = list(storage.get_episode_metadata(places))
        if any(entry["options"]["task"] != key for entry in metadata):
            raise DataError(f"{data} has episodes of other tasks in the places of {key}.")
        found[key] = tuple(
            Episode(
                observations=np.asarray(episode["observations"], np.float32),
                actions=np.asarray(episode["actions"], np.float32),
                rewards=np.asarray(episode["rewards"], np.float32),
                terminated=bool(episode["terminations"][-1]),
                seed=int(entry["seed"]),
            )
            for entry, episode in zip(metadata, storage.get_episodes(places), strict=True)
        )
    return found
