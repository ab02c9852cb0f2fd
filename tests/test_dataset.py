import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from minari import MinariDataset
from minari.dataset._storages.hdf5_storage import HDF5Storage

from hyperbench.errors import DataError
from hyperbench.family import TaskFamily
from hyperbench.files import sha256_file
from hyperbench.measuring.dataset import Dataset, dataset, load, prepare, sound
from hyperbench.measuring.manifest import MANIFEST, UnsoundError
from hyperbench.rollout import rollout
from hyperbench.testing import LineFamily


@pytest.fixture(scope="module")
def family() -> TaskFamily:
    return LineFamily()


@pytest.fixture
def stored(family: TaskFamily, tmp_path: Path) -> Dataset:
    found = dataset(family, 3, tmp_path)
    prepare(family, found)
    return found


@pytest.fixture
def older(family: TaskFamily, stored: Dataset) -> Dataset:
    """As datasets were written before: with sums of files alone, and all tasks there."""
    manifest = json.loads((stored.folder / MANIFEST).read_text())
    del manifest["tasks"]
    (stored.folder / MANIFEST).write_text(json.dumps(manifest))
    return stored


def problem_of(family: TaskFamily, stored: Dataset) -> str | None:
    """Why the demonstrations of all tasks must not be used; None if they are sound."""
    try:
        load(family, stored, family.tasks)
    except UnsoundError as error:
        return error.problem
    return None


def test_demonstrations_are_what_the_experts_did(family: TaskFamily, stored: Dataset) -> None:
    tasks = family.tasks[1:3]
    demonstrations = load(family, stored, tasks)
    assert demonstrations.specs == tasks
    for task, episodes in zip(tasks, demonstrations.episodes, strict=True):
        assert len(episodes) == 3
        seeds = np.array([[episode.seed for episode in episodes]])
        again = rollout(family, [task], family.expert([task]), seeds)
        for i, episode in enumerate(episodes):
            assert len(episode) == again.lengths[0, i]
            assert len(episode.observations) == len(episode) + 1
            assert episode.rewards.sum() == pytest.approx(again.returns[0, i], rel=1e-5)


def test_the_last_observation_follows_the_last_action(family: TaskFamily, stored: Dataset) -> None:
    task = family.tasks[0]
    episode = load(family, stored, [task]).episodes[0][0]
    env = family.make(task)
    observation, _ = env.reset(seed=episode.seed)
    assert observation == pytest.approx(episode.observations[0])
    for action in episode.actions:
        observation, *_ = env.step(action)
    assert observation == pytest.approx(episode.observations[-1], abs=1e-5)


def test_it_is_a_minari_dataset_with_the_spec_in_the_options(
    family: TaskFamily, stored: Dataset
) -> None:
    minari_dataset = MinariDataset(stored.folder / "data")
    assert minari_dataset.total_episodes == 3 * len(family.tasks)
    assert minari_dataset.id == family.info.id
    metadata = next(iter(minari_dataset.storage.get_episode_metadata([0])))
    assert metadata["options"]["task"] == family.tasks[0].key
    names = family.spec_space.names
    assert tuple(metadata["options"]["features"][name] for name in names) == family.tasks[0].values


def test_execution_noise_is_part_of_what_is_written_and_of_its_identity(
    family: TaskFamily, stored: Dataset, tmp_path: Path
) -> None:
    class Noisy(LineFamily):
        info = replace(LineFamily.info, execution_noise=0.5)

    found = dataset(Noisy(), 3, tmp_path)
    assert found.folder != stored.folder
    assert found.identity["execution_noise"] == 0.5
    assert "execution_noise" not in stored.identity
    prepare(Noisy(), found)
    task = family.tasks[0]
    expert = family.expert([task])
    for episode in load(Noisy(), found, [task]).episodes[0]:
        said = expert.act(episode.observations[None, :-1])[0]
        np.testing.assert_allclose(episode.actions, said, atol=1e-6)
        force = np.diff(episode.observations[:, 1]) / (0.2 * task["gain"])
        assert np.abs(force - episode.actions[:, 0]).mean() > 0.3


def test_a_family_may_ask_for_more_demonstrations_than_a_protocol(family, tmp_path) -> None:
    eager = LineFamily()
    eager.info = replace(family.info, min_demonstrations=4)
    sizes = [dataset(eager, asked, tmp_path).identity["num_episodes"] for asked in (3, 5)]
    assert sizes == [4, 5]
    assert dataset(eager, 3, tmp_path) == dataset(family, 4, tmp_path)


def test_a_missing_dataset_is_told_with_advice(family: TaskFamily, tmp_path: Path) -> None:
    absent = dataset(family, 2, tmp_path)
    assert problem_of(family, absent) == "missing"
    with pytest.raises(DataError, match="hyperbench prepare --suite testing/line-v1"):
        load(family, absent, family.tasks)


def test_a_dataset_of_sums_of_files_is_taken_as_it_is(family: TaskFamily, older: Dataset) -> None:
    assert problem_of(family, older) is None
    assert len(load(family, older, family.tasks[2:4]).episodes) == 2


# Part of the tasks


def test_tasks_can_be_added_and_the_order_in_which_they_came_cannot_be_seen(
    family: TaskFamily, stored: Dataset, tmp_path: Path
) -> None:
    """To the last bit, however many are played at a time."""
    found = dataset(family, 3, tmp_path / "part")
    parts = (family.tasks[3:5], family.tasks[:1], (*family.tasks[5:], *family.tasks[1:3]))
    prepare(family, found, tasks=parts[0])
    assert load(family, found, parts[0]).specs == parts[0]
    assert problem_of(family, found) == "missing"
    for part in parts[1:]:
        prepare(family, found, tasks=part, kept=sound(family, found, None))
    assert (found.folder / MANIFEST).read_bytes() == (stored.folder / MANIFEST).read_bytes()
    assert data_file(found).read_bytes() == data_file(stored).read_bytes()


def test_what_is_read_is_what_was_written_whatever_the_files_sums_say(
    family: TaskFamily, stored: Dataset
) -> None:
    with h5py.File(data_file(stored), "r+") as file:
        file["episode_4"]["actions"][0] += 1  # of the second task
    forge_sums_of_files(stored)
    one, damaged, *others = family.tasks
    assert load(family, stored, [one, *others]).num_tasks == len(others) + 1
    with pytest.raises(UnsoundError, match=rf"corrupt: the checksum of task {damaged.key}"):
        load(family, stored, [one, damaged])
    with pytest.raises(UnsoundError, match="corrupt"):
        sound(family, stored, None)


def forge_sums_of_files(stored: Dataset) -> None:
    path = stored.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["sha256"] = {name: sha256_file(stored.folder / name) for name in manifest["sha256"]}
    path.write_text(json.dumps(manifest))


def test_nothing_is_read_of_other_tasks_than_those_asked_for(
    family: TaskFamily, stored: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    for name in ("get_episodes", "get_episode_metadata"):
        monkeypatch.setattr(HDF5Storage, name, watched(getattr(HDF5Storage, name), asked))
    load(family, stored, family.tasks[1:2])
    assert sorted(set(asked)) == [3, 4, 5]


def watched(read: Callable[..., Any], asked: list[int]) -> Callable[..., Any]:
    def reading(self: HDF5Storage, places: Iterable[int]) -> Any:
        asked.extend(places)
        return read(self, places)

    return reading


# Damage


def data_file(stored: Dataset) -> Path:
    return next((stored.folder / "data").glob("*.hdf5"))


def flip_a_bit(stored: Dataset) -> None:
    content = bytearray(data_file(stored).read_bytes())
    content[len(content) // 2] ^= 1
    data_file(stored).write_bytes(content)


def truncate(stored: Dataset) -> None:
    data_file(stored).write_bytes(data_file(stored).read_bytes()[:100])


def remove(stored: Dataset) -> None:
    data_file(stored).unlink()


def break_manifest(stored: Dataset) -> None:
    (stored.folder / MANIFEST).write_text("{")


def forge_identity(stored: Dataset) -> None:
    path = stored.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["identity"]["experts"] = "others"
    path.write_text(json.dumps(manifest))


def empty_checksums(stored: Dataset) -> None:
    path = stored.folder / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": {}}))


def swap_tasks(stored: Dataset) -> None:
    path = stored.folder / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["tasks"] = dict(reversed(manifest["tasks"].items()))
    path.write_text(json.dumps(manifest))


def forge_truncated(stored: Dataset) -> None:
    truncate(stored)
    forge_sums_of_files(stored)


DAMAGE = [
    (flip_a_bit, "checksum"),
    (truncate, "checksum"),
    (remove, "incomplete"),
    (break_manifest, "unreadable"),
    (forge_identity, "something else"),
    (empty_checksums, "incomplete"),
    (swap_tasks, "other tasks"),
    (forge_truncated, "corrupt: .*truncated file"),
]


@pytest.mark.parametrize(("damage", "named"), DAMAGE)
def test_damage_is_found_and_never_used(family, stored, damage, named) -> None:
    damage(stored)
    assert re.search(named, problem_of(family, stored) or "")
    with pytest.raises(DataError, match="hyperbench prepare"):
        load(family, stored, family.tasks[:1])
    prepare(family, stored)
    assert problem_of(family, stored) is None


@pytest.mark.parametrize("damage", [flip_a_bit, remove])
def test_damage_to_an_older_dataset_is_found_by_its_files(family, older, damage) -> None:
    damage(older)
    assert problem_of(family, older) is not None
    prepare(family, older)
    assert problem_of(family, older) is None


def test_an_unwritable_place_is_a_clear_error(family: TaskFamily, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--data-dir"):
        prepare(family, dataset(family, 1, tmp_path / "file"))


def test_nothing_is_left_of_an_interrupted_preparation(
    family: TaskFamily, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hyperbench.measuring.dataset.write_episodes", interrupt)
    found = dataset(family, 1, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        prepare(family, found)
    assert problem_of(family, found) == "missing"
    assert not list(tmp_path.rglob(".draft-*"))
