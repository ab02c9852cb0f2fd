"""Episodes in Minari's files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces

from hyperbench.demonstration import Episode
from hyperbench.disk import require_room
from hyperbench.errors import DataError
from hyperbench.family import TaskFamily
from hyperbench.rollout import EpisodeTable
from hyperbench.task import FloatArray

if TYPE_CHECKING:
    from minari.data_collector import EpisodeBuffer

_HDF5_BYTES = 16_000
"""What HDF5 needs of its own for an episode, at most."""


class Recorder:
    """Keeps every step of a rollout: arrays (horizon, num_tasks, num_episodes, ...)."""

    def __init__(self, horizon: int) -> None:
        self._horizon = horizon
        self._steps: list[tuple[FloatArray, ...]] = []

    def __call__(self, *step: FloatArray) -> None:
        self._steps.append(tuple(np.array(part, np.float32) for part in step))

    def episode(self, task: int, index: int, length: int) -> tuple[FloatArray, ...]:
        """Observations (length + 1, obs_dim), actions and rewards of one episode."""
        steps = self._steps[:length]
        observations, actions, rewards = (
            np.stack([step[part][task, index] for step in steps]) for part in range(3)
        )
        last = steps[-1][3][task, index]
        return np.concatenate([observations, last[None]]), actions, rewards


def write_episodes(data: Path, family: TaskFamily, table: EpisodeTable, recorder: Recorder) -> None:
    """Write episodes as a Minari dataset, each with its task in its options.

    Args:
        data: folder to make.
        family: whose.
        table: what was played.
        recorder: has seen it.
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
    for t, task in enumerate(table.tasks):
        features = dict(zip(task.space.names, task.values, strict=True))
        for e in range(table.seeds.shape[1]):
            length = int(table.lengths[t, e])
            observations, actions, rewards = recorder.episode(t, e, length)
            terminated = bool(table.terminated[t, e])
            ends = np.arange(1, length + 1) == length
            buffers.append(
                EpisodeBuffer(
                    id=len(buffers),
                    seed=int(table.seeds[t, e]),
                    options={"task": task.key, "features": features},
                    observations=observations,
                    actions=actions,
                    rewards=rewards,
                    terminations=ends & terminated,
                    truncations=ends & (not terminated),
                )
            )
    # On a full disk HDF5 may end the process.
    require_room(data, sum(map(_size, buffers)))
    storage.update_episodes(buffers)
    storage.update_metadata(
        {
            "dataset_id": family.info.id,
            "algorithm_name": f"expert {family.info.expert_version}",
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


def read_episodes(data: Path, wanted: set[str], num_all: int) -> dict[str, list[Episode]]:
    """The episodes of some tasks, by their keys.

    Args:
        data: folder of the dataset.
        wanted: keys.
        num_all: episodes of all tasks that there must be.

    Raises:
        DataError: the dataset is of another kind or size.
    """
    from minari import MinariDataset
    from minari.dataset.minari_storage import MinariStorage

    said = MinariStorage.read_raw_metadata(data)
    # Where a space is missing, Minari makes the environment that is named, whatever that runs.
    if not {"observation_space", "action_space"} <= said.keys() or "env_spec" in said:
        raise DataError(f"{data} is of another kind than `hyperbench prepare` writes.")
    # Minari makes a list of as many numbers as it is told that there are.
    if said.get("total_episodes") != num_all:
        raise DataError(f"{data} has {said.get('total_episodes')} episodes, not {num_all}.")
    stored = MinariDataset(data)
    episodes: dict[str, list[Episode]] = {key: [] for key in wanted}
    metadata = list(stored.storage.get_episode_metadata(range(num_all)))
    chosen = [i for i, entry in enumerate(metadata) if entry["options"]["task"] in wanted]
    for i, episode in zip(chosen, stored.storage.get_episodes(chosen), strict=True):
        episodes[metadata[i]["options"]["task"]].append(
            Episode(
                observations=np.asarray(episode["observations"], np.float32),
                actions=np.asarray(episode["actions"], np.float32),
                rewards=np.asarray(episode["rewards"], np.float32),
                terminated=bool(episode["terminations"][-1]),
                seed=int(metadata[i]["seed"]),
            )
        )
    return episodes
