import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from minari import MinariDataset

from hyperbench.errors import DataError
from hyperbench.family import TaskFamily
from hyperbench.measuring.dataset import MANIFEST, Dataset, dataset, load, prepare
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


def test_a_sound_dataset_has_no_problem_and_a_missing_one_is_named(
    family: TaskFamily, stored: Dataset, tmp_path: Path
) -> None:
    assert stored.problem() is None
    absent = dataset(family, 2, tmp_path)
    assert absent.problem() == "missing"
    with pytest.raises(DataError, match="hyperbench prepare --suite testing/line-v1"):
        load(family, absent, family.tasks)


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


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (flip_a_bit, "checksum"),
        (truncate, "checksum"),
        (remove, "incomplete"),
        (break_manifest, "unreadable"),
        (forge_identity, "something else"),
        (empty_checksums, "incomplete"),
    ],
)
def test_damage_is_found_and_never_used(family, stored, damage, named) -> None:
    damage(stored)
    problem = stored.problem()
    assert problem is not None
    assert named in problem
    with pytest.raises(DataError, match="hyperbench prepare"):
        load(family, stored, family.tasks[:1])
    prepare(family, stored)
    assert stored.problem() is None


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
    assert found.problem() == "missing"
    assert not list(tmp_path.rglob(".draft-*"))
