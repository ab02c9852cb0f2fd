"""Demonstrations from elsewhere: what is read of a real Minari dataset, and what is refused."""

import json
import shutil
from pathlib import Path

import gymnasium
import minari
import numpy as np
import pytest
from gymnasium import spaces

from hyperbench.adapters.minari_data import UNKNOWN_SEED, read_minari
from hyperbench.errors import DataError
from hyperbench.measuring.bringing import bring
from hyperbench.testing import LineFamily

from .fakes_brought import EPISODES, FAMILY, HORIZON, Contexts, stored


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("given"), EPISODES)


def test_the_first_episodes_of_each_task_are_read_one_hot(given):
    found = read_minari(given, FAMILY, 2)
    assert tuple(found) == FAMILY.tasks
    for i, row in enumerate(found.values()):
        assert [episode.seed for episode in row] == [10 * i, 10 * i + 1]
        for n, episode in enumerate(row):
            told = EPISODES[n * len(FAMILY.tasks) + i]
            assert np.array_equal(episode.observations, told["observations"])
            assert np.array_equal(episode.actions, np.eye(2)[told["actions"]])
            assert episode.rewards.sum() == told["rewards"].sum()
            assert episode.terminated == told["terminations"][-1]


def test_features_may_stand_in_infos_and_be_rounded(tmp_path):
    episodes = []
    for episode in EPISODES:
        values, length = episode["options"], len(episode["observations"])
        infos = {name: np.full(length, value, np.float32) for name, value in values.items()}
        infos["gravity"][1:] = 0.0  # what counts is how it began
        episodes.append({**episode, "options": None, "seed": None, "infos": infos})
    found = read_minari(stored(tmp_path, episodes), FAMILY, 3)
    assert {episode.seed for row in found.values() for episode in row} == {UNKNOWN_SEED}
    assert [len(row) for row in found.values()] == [3] * 6


def test_several_datasets_in_a_folder_are_one(tmp_path, given):
    for name, part in (("a", EPISODES[:7]), ("b", EPISODES[7:])):
        stored(tmp_path / name, part)
    together, alone = (read_minari(str(place), FAMILY, 3) for place in (tmp_path, given))
    for task in FAMILY.tasks:
        for one, other in zip(together[task], alone[task], strict=True):
            assert np.array_equal(one.observations, other.observations)


def test_parts_are_flattened_as_a_family_flattens_them(tmp_path):
    observation = spaces.Dict(
        {"cart": spaces.Box(-10, 10, (2,)), "pole": spaces.Box(-10, 10, (2,))}
    )
    episodes = [
        {
            **episode,
            "observations": {
                "cart": episode["observations"][:, :2],
                "pole": episode["observations"][:, 2:],
            },
        }
        for episode in EPISODES
    ]
    (first, *_), *_ = read_minari(stored(tmp_path, episodes, observation), FAMILY, 1).values()
    assert np.array_equal(first.observations, EPISODES[0]["observations"])


@pytest.mark.filterwarnings("ignore::UserWarning")  # it recommends to say more
def test_what_minaris_collector_writes_is_read(tmp_path, monkeypatch, fake_jax):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = minari.DataCollector(Contexts(gymnasium.make("CartPole-v1", max_episode_steps=HORIZON)))
    for told in EPISODES:
        env.reset(seed=told["seed"], options=told["options"])
        for action in told["actions"]:
            env.step(int(action))
    env.create_dataset("mine/cart-pole-v0", eval_env="CartPole-v1")
    found = read_minari("mine/cart-pole-v0", FAMILY, 3)
    for i, row in enumerate(found.values()):
        for n, episode in enumerate(row):
            told = EPISODES[n * len(FAMILY.tasks) + i]
            assert np.array_equal(episode.observations, told["observations"])
            assert episode.seed == told["seed"]


# What is refused


def changed(index, **fields):
    episodes = list(EPISODES)
    episodes[index] = {**episodes[index], **fields}
    return episodes


@pytest.mark.parametrize(
    ("episodes", "said"),
    [
        (EPISODES[:-1], r"Fewer have 1 of 6 tasks: gravity=15, force_mag=10 \(2\)"),
        (changed(4, options=None), "episode 4: the features gravity, force_mag must stand"),
        (changed(4, options={"gravity": 5.0}), "Found in the options: gravity; in the infos: noth"),
        (
            changed(4, options={"gravity": 5.0, "force_mag": 7.0}),
            "gravity=5.0, force_mag=7.0, which is no task of .* nearest is gravity=5, force_mag=6",
        ),
        (changed(4, options={"gravity": 5.0, "force_mag": "lots"}), "lots', which is no number"),
        (changed(4, rewards=np.full(HORIZON, np.nan)), "its rewards are not finite"),
        (
            [{**e, "rewards": np.ones(HORIZON + 1)} for e in EPISODES],
            "has 41 steps; the family's have 1 to 40",
        ),
        (
            changed(4, actions=np.full(len(EPISODES[4]["actions"]), 2)),
            "not of its dataset's own spaces",
        ),
    ],
    ids=["few", "unsaid", "half", "none", "word", "nan", "long", "action"],
)
def test_what_is_no_demonstration_of_the_family_is_refused(tmp_path, episodes, said):
    with pytest.raises(DataError, match=said):
        read_minari(stored(tmp_path, episodes), FAMILY, 3)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"action": spaces.Discrete(3)}, "actions must be those of shown/cart-pole-v1"),
        ({"observation": spaces.Box(-1, 1, (3,))}, "observations must be those of"),
        ({"observation": spaces.Box(0, 255, (8, 8, 3), np.uint8)}, "observed by images"),
    ],
    ids=["actions", "observations", "images"],
)
def test_other_spaces_are_refused(tmp_path, given, said):
    with pytest.raises(DataError, match=said):
        read_minari(stored(tmp_path, [], **given), FAMILY, 1)


def test_what_is_no_dataset_is_refused(tmp_path, monkeypatch, given):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    with pytest.raises(DataError, match=r"none of that id in .*: --from hf://farama-minari/a/b-v0"):
        read_minari("a/b-v0", FAMILY, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no Minari dataset: there is no metadata.json"):
        read_minari(str(tmp_path / "empty"), FAMILY, 1)
    said = json.loads((Path(given) / "data" / "metadata.json").read_text())
    del said["observation_space"]
    (tmp_path / "empty" / "metadata.json").write_text(json.dumps(said))
    with pytest.raises(DataError, match="does not say its observation_space"):
        read_minari(str(tmp_path / "empty"), FAMILY, 1)


def test_a_family_with_demonstrators_is_brought_nothing(tmp_path, given):
    with pytest.raises(DataError, match="without an expert"):
        bring(LineFamily(), given, 1, tmp_path)


def test_a_remote_is_downloaded_by_minari(tmp_path, given, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))

    def downloaded(asked):
        assert asked == "hf://someone/mine/x-v0"
        shutil.copytree(given, tmp_path / "mine" / "x-v0")

    monkeypatch.setattr(minari, "download_dataset", downloaded)
    assert len(read_minari("hf://someone/mine/x-v0", FAMILY, 1)) == 6
    monkeypatch.setattr(minari, "download_dataset", lambda _: 1 / 0)
    with pytest.raises(DataError, match="cannot be downloaded: ZeroDivisionError"):
        read_minari("hf://someone/mine/x-v0", FAMILY, 1)
