"""Demonstrations from elsewhere: a real Minari dataset, a family that nobody plays."""

import json
import shutil
import types
from dataclasses import replace
from functools import partial
from pathlib import Path

import gymnasium
import minari
import numpy as np
import pytest
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from hyperbench import GymnasiumFamily, cli, hookimpl
from hyperbench.adapters.minari_data import UNKNOWN_SEED, read_minari
from hyperbench.arms import demonstrated
from hyperbench.boards.leaderboard import make_boards
from hyperbench.demonstration import Demonstrations
from hyperbench.errors import ContractError, DataError
from hyperbench.executors import Site
from hyperbench.hookspecs import FamilyEntry, MethodEntry
from hyperbench.measuring.bringing import bring, brought_to
from hyperbench.measuring.conductor import execute
from hyperbench.measuring.dataset import dataset, load
from hyperbench.measuring.manifest import UnsoundError
from hyperbench.measuring.plan import plan
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.find import find_runs
from hyperbench.registry import PluginSource, Registry
from hyperbench.testing import LineFamily, check_family, check_info
from hyperbench.tuning.case import make_case
from hyperbench.verification.replay import verify_run

from .fakes_random_features import RandomFeatures

ID = "shown/cart-pole-v1"
PROTOCOL = EvalProtocol(
    id="brought-v1",
    summary="two episodes",
    source_fraction=0.4,
    num_demonstrations=2,
    num_episodes=3,
    seeds=(SeedPair(split=0, fit=0),),
)
HORIZON = 40


def cart_pole():
    features = {"gravity": [5.0, 15.0], "force_mag": [-10, 6, 10]}
    return GymnasiumFamily("CartPole-v1", id=ID, features=features, horizon=HORIZON)


FAMILY = cart_pole()


class Contexts(gymnasium.Wrapper):
    """Plays what the options of a reset ask for."""

    def reset(self, *, seed=None, options=None):
        for name, value in (options or {}).items():
            setattr(self.unwrapped, name, value)
        return self.env.reset(seed=seed)


def played(task, seed, step=lambda *_: None):
    """Observations, actions and rewards of one who balances; ``step`` is told of each."""
    env = Contexts(gymnasium.make("CartPole-v1", max_episode_steps=HORIZON))
    seen, actions, rewards = [], [], []
    options = dict(zip(task.space.names, task.values, strict=True))
    observation, _ = env.reset(seed=seed, options=options)
    seen.append(observation)
    over = False
    while not over:
        right = observation @ [0.05, 0.2, 1.0, 0.7] > 0
        actions.append(int(right == (task["force_mag"] > 0)))
        observation, reward, terminated, truncated, _ = env.step(actions[-1])
        seen.append(observation)
        rewards.append(float(reward))
        over = terminated or truncated
    ends = np.arange(1, len(rewards) + 1) == len(rewards)
    return {
        "seed": seed,
        "options": options,
        "observations": np.array(seen),
        "actions": np.array(actions),
        "rewards": np.array(rewards),
        "terminations": ends & terminated,
        "truncations": ends & truncated,
    }


EPISODES = [played(task, 10 * i + n) for n in range(3) for i, task in enumerate(FAMILY.tasks)]


def stored(folder, episodes, observation=None, action=None):
    """A dataset as Minari writes it."""
    env = gymnasium.make("CartPole-v1")
    folder.mkdir(exist_ok=True)
    storage = MinariStorage.new(
        folder / "data",
        observation_space=observation or env.observation_space,
        action_space=action or env.action_space,
        env_spec=env.spec,
        data_format="hdf5",
    )
    storage.update_episodes([EpisodeBuffer(**episode) for episode in episodes])
    storage.update_metadata({"dataset_id": "mine/x-v0", "minari_version": minari.__version__})
    return str(folder)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("given"), EPISODES)


@pytest.fixture(scope="module")
def registry():
    plugin = types.ModuleType("brought")
    families = [FamilyEntry(ID, f"{__name__}:cart_pole", "a pole on a cart")]
    methods = [MethodEntry("features", f"{RandomFeatures.__module__}:RandomFeatures", "a fake")]
    plugin.hyperbench_families = hookimpl(lambda: families)
    plugin.hyperbench_methods = hookimpl(lambda: methods)
    return Registry([PluginSource("brought", "brought", "0.1", lambda: plugin)])


# What is read


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


# What is kept


def test_what_was_brought_is_checked_like_any_dataset_and_earlier_ones_stay(tmp_path, given):
    with pytest.raises(DataError, match=r"none of 2 episodes a task.*--from DATASET"):
        dataset(FAMILY, 2, tmp_path)
    first = bring(FAMILY, given, 2, tmp_path)
    assert dataset(FAMILY, 2, tmp_path) == first
    assert load(FAMILY, first, FAMILY.tasks).num_tasks == 6
    turned = stored(tmp_path / "other", EPISODES[::-1])
    second = bring(FAMILY, turned, 2, tmp_path)
    assert dataset(FAMILY, 2, tmp_path) == second != first
    assert load(FAMILY, first, FAMILY.tasks).num_tasks == 6
    with pytest.raises(DataError, match="none of 3 episodes"):
        dataset(FAMILY, 3, tmp_path)
    # A failure leaves all as it was.
    with pytest.raises(DataError, match="Fewer have"):
        bring(FAMILY, stored(tmp_path / "few", EPISODES[:3]), 2, tmp_path)
    assert dataset(FAMILY, 2, tmp_path) == second
    path = next((second.folder / "data").glob("*.hdf5"))
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(UnsoundError, match="corrupt"):
        load(FAMILY, second, FAMILY.tasks)
    bring(FAMILY, turned, 2, tmp_path)
    assert load(FAMILY, second, FAMILY.tasks).num_tasks == 6


def test_those_of_other_tasks_are_not_used(tmp_path, given):
    bring(FAMILY, given, 2, tmp_path)
    fewer = GymnasiumFamily(
        "CartPole-v1", id=ID, features={"gravity": [5.0, 15.0], "force_mag": [-10, 6]}
    )
    with pytest.raises(DataError, match="of other tasks than"):
        dataset(fewer, 2, tmp_path)


# What is measured


def test_a_family_that_nobody_plays_keeps_the_contract():
    assert (FAMILY.info.has_expert, FAMILY.info.has_demonstrators) == (False, False)
    check_family(FAMILY)
    with pytest.raises(DataError, match="Nobody plays"):
        FAMILY.reference(FAMILY.tasks)


def test_it_is_measured_verified_and_tuned(tmp_path, given, registry):
    site = Site(tmp_path / "runs", tmp_path / "data")

    def planned():
        return plan(registry, ["features"], ID, PROTOCOL, data_dir=site.data)

    bring(FAMILY, given, 2, site.data)
    runs = planned()
    assert [run.method for run in runs] == ["random", "zero-action", "demonstrator", "features"]
    records = [execute(run, site, lambda _: None, registry=registry) for run in runs]
    assert [record.error for record in records] == [None] * 4
    (board,) = make_boards(find_runs([site.runs]))
    scores = {row.method: row["score"].value for row in board.rows}
    assert scores["demonstrator"] == 1.0
    assert any("demonstrations of the target tasks earned" in note for note in board.notes)

    def verdicts(brought):
        return {
            record.method: verify_run(
                site.runs / record.key, registry, num_tasks=None, seed=0, brought=brought
            ).stamp
            for record in records
        }

    every = verdicts(partial(brought_to, data_dir=site.data))
    assert set(every.values()) == {"verified"}
    assert verdicts(None) == {**every, "demonstrator": "unverifiable"}
    case = make_case(runs[-1], registry, site.data, 1)
    (told,) = case.validation.episodes
    # Of three episodes where there are two the first counts twice.
    earned = [told[n].rewards.sum() for n in (0, 1, 0)]
    assert case.expert.tolist() == pytest.approx([np.mean(earned)])

    # Others that are brought are demonstrations of other runs.
    bring(FAMILY, stored(tmp_path / "other", EPISODES[::-1]), 2, site.data)
    assert not {run.key for run in planned()} & {run.key for run in runs}
    for run in runs[2:]:
        late = execute(run, site, lambda _: None, registry=registry)
        assert "of other demonstrations than were brought last" in late.error
    for run in planned():
        execute(run, site, lambda _: None, registry=registry)
    assert len(make_boards(find_runs([site.runs]))) == 2


def test_demonstrations_are_put_in_the_place_of_episodes_in_turn(given):
    brought = read_minari(given, FAMILY, 2)
    demonstrations = Demonstrations(
        tuple(brought), tuple(brought.values()), FAMILY.action_space.low, FAMILY.action_space.high
    )
    seeds = np.arange(18).reshape(6, 3)
    table = demonstrated(demonstrations, seeds)
    assert (table.tasks, table.seeds.tolist()) == (FAMILY.tasks, seeds.tolist())
    for row, returns, lengths in zip(brought.values(), table.returns, table.lengths, strict=True):
        assert returns.tolist() == [row[n].rewards.sum() for n in (0, 1, 0)]
        assert lengths.tolist() == [len(row[n]) for n in (0, 1, 0)]


def test_commands_bring_and_verify(tmp_path, given, registry, monkeypatch, capsys):
    def said(*arguments):
        monkeypatch.setattr("sys.argv", ["hyperbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), " ".join((printed.out + printed.err).split())

    for command in ("prepare", "verify"):
        monkeypatch.setattr(f"hyperbench.commands.{command}.installed", lambda: registry)
    monkeypatch.setattr("hyperbench.cli.measure.protocol_named", lambda _: PROTOCOL)
    asked = ("prepare", "--suite", "shown/cart-pole", "--data-dir", str(tmp_path))
    code, text = said(*asked, "--from", str(tmp_path))
    assert (code, "holds no Minari dataset" in text) == (2, True)
    code, text = said(*asked, "--from", given)
    assert (code, "12 episodes brought from" in text) == (0, True)
    run = plan(registry, ["demonstrator"], ID, PROTOCOL, data_dir=tmp_path)[2]
    execute(run, Site(tmp_path / "runs", tmp_path), lambda _: None, registry=registry)
    asked = ("verify", str(tmp_path / "runs"), "--data-dir")
    assert said(*asked, str(tmp_path))[0] == 0
    code, text = said(*asked, str(tmp_path / "elsewhere"))
    assert (code, "Bring them with: hyperbench prepare --suite shown/cart-pole" in text) == (
        1,
        True,
    )
    monkeypatch.setenv("HYPERBENCH_PLUGIN", "my.worlds:CartPole")
    code, text = said(*asked, str(tmp_path / "elsewhere"))
    words = "hyperbench prepare --plugin my.worlds:CartPole --suite shown/cart-pole"
    assert (code, words in text) == (1, True)


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


@pytest.mark.parametrize("name", ["has_expert", "has_success"])
def test_who_is_never_played_has_neither_expert_nor_success(name):
    family = cart_pole()
    family.info = replace(family.info, **{name: True})
    with pytest.raises(ContractError, match="has_demonstrators=False goes without"):
        check_info(family)
