"""A family that nobody plays: what was brought of it is kept, measured, verified and tuned on."""

import types
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from hyperbench import GymnasiumFamily, hookimpl
from hyperbench.adapters.minari_data import read_minari
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
from hyperbench.testing import check_family, check_info
from hyperbench.tuning.case import make_case
from hyperbench.verification.replay import verify_run

from .fakes_brought import EPISODES, FAMILY, ID, cart_pole, stored
from .fakes_random_features import RandomFeatures

PROTOCOL = EvalProtocol(
    id="brought-v1",
    summary="two episodes",
    source_fraction=0.4,
    num_demonstrations=2,
    num_episodes=3,
    seeds=(SeedPair(split=0, fit=0),),
)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("given"), EPISODES)


@pytest.fixture(scope="module")
def registry():
    plugin = types.ModuleType("brought")
    families = [FamilyEntry(ID, f"{cart_pole.__module__}:cart_pole", "a pole on a cart")]
    methods = [MethodEntry("features", f"{RandomFeatures.__module__}:RandomFeatures", "a fake")]
    plugin.hyperbench_families = hookimpl(lambda: families)
    plugin.hyperbench_methods = hookimpl(lambda: methods)
    return Registry([PluginSource("brought", "brought", "0.1", lambda: plugin)])


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


def test_commands_bring_and_verify(tmp_path, given, registry, monkeypatch, say):
    def said(*arguments):
        code, out, err = say(*arguments)
        return code, " ".join((out + err).split())

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
    words = "Bring them with: hyperbench prepare --suite shown/cart-pole"
    assert (code, words in text) == (1, True)
    monkeypatch.setenv("HYPERBENCH_PLUGIN", "my.worlds:CartPole")
    code, text = said(*asked, str(tmp_path / "elsewhere"))
    words = "hyperbench prepare --plugin my.worlds:CartPole --suite shown/cart-pole"
    assert (code, words in text) == (1, True)


@pytest.mark.parametrize("name", ["has_expert", "has_success"])
def test_who_is_never_played_has_neither_expert_nor_success(name):
    family = cart_pole()
    family.info = replace(family.info, **{name: True})
    with pytest.raises(ContractError, match="has_demonstrators=False goes without"):
        check_info(family)
