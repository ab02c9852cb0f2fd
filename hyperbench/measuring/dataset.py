"""Demonstrations on disk: expert episodes as a Minari dataset with a checksum manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.errors import DataError
from hyperbench.family import TaskFamily
from hyperbench.files import new_folder, sha256_file
from hyperbench.policy import ARITHMETIC
from hyperbench.rollout import EpisodeProgress, EpisodeTable, episode_seeds, rollout
from hyperbench.seeding import content_hash
from hyperbench.task import FloatArray, TaskSpec

MANIFEST = "manifest.json"
_SEED_ROOT = 0
"""Demonstrations are part of the benchmark: their seeds are the same for everybody."""
_FORMAT_VERSION = 1


@dataclass(frozen=True)
class Dataset:
    """One family's demonstrations on disk.

    Args:
        folder: holds ``manifest.json`` and, in ``data``, the Minari dataset.
        identity: what the episodes are of: family, experts, physics, seeds, number of episodes.
    """

    folder: Path
    identity: dict[str, Any]

    @property
    def key(self) -> str:
        """The identity's content hash; part of every run's identity."""
        return content_hash(self.identity)

    def problem(self, code: str | None = None) -> str | None:
        """Why these files must not be used: missing, for something else, altered; None if sound.

        Args:
            code: fingerprint of the family's; None if it does not matter what made them. Files from
                before there were fingerprints count as made by any.
        """
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text())
        except FileNotFoundError:
            return "missing"
        except (OSError, UnicodeDecodeError, json.JSONDecodeError):
            return f"unreadable: {self.folder / MANIFEST}"
        if manifest.get("identity") != self.identity:
            return f"made for something else than {self.identity['family']} as installed"
        if code is not None and manifest.get("code") not in (None, code):
            return f"made by other code than that of {self.identity['family']} as installed"
        checksums = manifest.get("sha256") or {}
        listed = {self.folder / name for name in checksums}
        present = set((self.folder / "data").glob("*"))
        if listed != present or not listed:
            odd = sorted(str(path) for path in listed ^ present)
            return f"incomplete: manifest and folder disagree on {', '.join(odd) or 'everything'}"
        for name, expected in checksums.items():
            if sha256_file(self.folder / name) != expected:
                return f"corrupt: the checksum of {self.folder / name} differs from its manifest"
        return None


def dataset(family: TaskFamily, num_episodes: int, data_dir: Path) -> Dataset:
    """Where the demonstrations of ``family`` belong; nothing is read or written.

    Args:
        family: whose experts demonstrate.
        num_episodes: episodes per task that a protocol asks for; ``FamilyInfo.min_demonstrations``
            may ask for more.
        data_dir: root of all demonstrations. Each folder below it is a Minari root, in which a
            dataset is called after its family.
    """
    num_episodes = max(num_episodes, family.info.min_demonstrations)
    identity = {
        "format": _FORMAT_VERSION,
        "arithmetic": ARITHMETIC,
        "family": family.info.id,
        "tasks": content_hash([task.key for task in family.tasks]),
        "experts": family.info.expert_version,
        "physics": family.info.physics,
        "num_episodes": num_episodes,
        "seed_root": _SEED_ROOT,
    }
    if family.info.execution_noise:
        identity["execution_noise"] = family.info.execution_noise
    root = data_dir / f"{num_episodes}-episodes-{content_hash(identity, 8)}"
    return Dataset(root / family.info.id, identity)


def prepare(
    family: TaskFamily,
    found: Dataset,
    code: str | None = None,
    *,
    num_threads: int = 1,
    progress: EpisodeProgress | None = None,
) -> None:
    """Let the demonstrators of all tasks play and write what they did, replacing what was there.

    Args:
        family: whose demonstrators play.
        found: where to write, from ``dataset``.
        code: fingerprint of the family's, to be kept beside.
        num_threads: physics threads.
        progress: told (steps done, horizon).

    Raises:
        DataError: the folder cannot be written.
    """
    num_episodes = int(found.identity["num_episodes"])
    recorder = _Recorder(family.info.horizon)
    table = rollout(
        family,
        family.tasks,
        family.demonstrators(family.tasks),
        episode_seeds(_SEED_ROOT, "demonstration", family.tasks, num_episodes),
        num_threads=num_threads,
        execution_noise=family.info.execution_noise,
        watch=recorder,
        progress=progress,
    )
    with new_folder(found.folder, "Choose another place with --data-dir.") as draft:
        _write(draft, family, table, recorder)
        checksums = {
            str(path.relative_to(draft)): sha256_file(path) for path in sorted(draft.glob("data/*"))
        }
        manifest = {"identity": found.identity, "code": code, "sha256": checksums}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")


def load(family: TaskFamily, found: Dataset, tasks: Sequence[TaskSpec]) -> Demonstrations:
    """Read the demonstrations of some tasks, after checking every checksum.

    Raises:
        DataError: the dataset is missing or must not be used.
    """
    problem = found.problem()
    if problem is not None:
        raise DataError(
            f"Demonstrations of {family.info.id} are {problem}. "
            f"Make them with: hyperbench prepare --suite {family.info.id}"
        )
    from minari import MinariDataset

    wanted = {task.key for task in tasks}
    stored = MinariDataset(found.folder / "data")
    episodes: dict[str, list[Episode]] = {key: [] for key in wanted}
    metadata = list(stored.storage.get_episode_metadata(range(stored.total_episodes)))
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
    return Demonstrations(
        tuple(tasks),
        tuple(tuple(episodes[task.key]) for task in tasks),
        family.action_space.low.astype(np.float32),
        family.action_space.high.astype(np.float32),
    )


class _Recorder:
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


def _write(draft: Path, family: TaskFamily, table: EpisodeTable, recorder: _Recorder) -> None:
    import minari
    from minari.data_collector import EpisodeBuffer
    from minari.dataset.minari_storage import MinariStorage

    space = family.observation_space
    storage = MinariStorage.new(
        draft / "data",
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
    storage.update_episodes(buffers)
    storage.update_metadata(
        {
            "dataset_id": family.info.id,
            "algorithm_name": f"expert {family.info.expert_version}",
            "minari_version": minari.__version__,
        }
    )
