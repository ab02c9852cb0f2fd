"""Demonstrators from trainings of their own."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hyperbench_locomotion import independent as shipped
from hyperbench_locomotion.experts.evaluate import card_path
from hyperbench_locomotion.experts.networks import ExpertNetworks
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.plugin import INDEPENDENT
from safetensors import safe_open

from hyperbench.errors import DataError
from hyperbench.protocol import GAP, STANDARD
from hyperbench.testing import FAMILY_CHECKS, demonstrator_difference

independent = pytest.importorskip("hyperbench_locomotion.experts.independent")


@pytest.fixture
def family():
    return independent.speed_family("cheetah")


@pytest.fixture
def tiny():
    """A recipe whose training takes a fraction of a second."""
    sizes = {"num_envs": 4, "num_starts": 4, "rollout_steps": 16, "batch_size": 64}
    return replace(independent.RECIPES["cheetah"], num_steps=128, **sizes)


@pytest.fixture
def two_tasks(monkeypatch):
    """Only the first two trainings, and few episodes."""
    whole = independent.trainings
    monkeypatch.setattr(independent, "trainings", lambda family: whole(family)[:2])
    monkeypatch.setattr(independent, "NUM_EPISODES", 2)


@pytest.mark.parametrize("body", independent.RECIPES)
def test_every_training_and_attempt_has_a_seed_of_its_own(body):
    family = independent.speed_family(body)
    plan = independent.trainings(family)
    recipe = independent.RECIPES[body]
    settings = [training.settings(recipe, attempt) for training in plan for attempt in range(2)]
    assert len({each.seed for each in settings}) == 2 * len(plan)
    assert max(each.seed for each in settings) < 2**32
    assert len({training.name for training in plan}) == len(plan)
    assert {task for training in plan for task in training.tasks} == set(family.tasks)
    for training in plan:
        speeds = training.settings(recipe, 0).tasks()[0][:, 0]
        np.testing.assert_allclose(speeds, [task["speed"] for task in training.tasks])


def test_each_task_has_its_own_training_or_a_pool_of_several(family):
    assert all(len(training.tasks) == 1 for training in independent.trainings(family))
    first = [training.tasks[0]["speed"] for training in independent.trainings(family)[:10]]
    assert first[0] == -10
    assert (np.diff(first) >= 2).all()
    walker = independent.speed_family("walker")
    forward = [t for t in independent.trainings(walker) if walker.tasks[-1] in t.tasks]
    assert len(forward) == independent.POOL_SIZES["walker"]


@pytest.mark.parametrize("protocol", [STANDARD, GAP], ids=lambda protocol: protocol.id)
@pytest.mark.parametrize("body", ["cheetah", "walker", "finger"])
def test_the_same_tasks_are_source_validation_and_target_as_in_locomotion(body, protocol):
    own, others = shipped.IndependentFamily(body), LocomotionFamily("locomotion", body, ("speed",))
    for seed in range(3):
        parts = [
            [{task.values for task in part} for part in (split.source, split.validation)]
            for split in (protocol.split(own, seed), protocol.split(others, seed))
        ]
        assert parts[0] == parts[1]
    assert {task.family for task in protocol.split(own, 0).target} == {own.info.id}


def test_an_export_deals_a_pool_out_to_the_tasks(tmp_path, monkeypatch):
    family = independent.speed_family("cheetah")
    rng = np.random.default_rng(0)
    ways = {"forward": [t for t in family.tasks if t["speed"] > 0]}
    ways["backward"] = [t for t in family.tasks if t["speed"] < 0]
    (tmp_path / "cheetah-speed-v1").mkdir()
    for way, tasks in ways.items():
        for member in range(3):
            networks = ExpertNetworks(
                (rng.normal(size=(1, 19, 6)).astype(np.float32),),
                (np.zeros((1, 6), np.float32),),
                spec_low=np.array([-10, 0.3], np.float32),
                spec_high=np.array([10, 0.7], np.float32),
                regions=np.array([[[-10, 10], [0, 1]]], np.float32),
                least_speed=np.zeros(1, np.float32),
            )
            record = {"name": f"{way}-{member}", "returns": {t.label: [1.0] for t in tasks}}
            content = networks.to_bytes({"training": json.dumps(record)})
            (tmp_path / "cheetah-speed-v1" / f"{way}-{member}.safetensors").write_bytes(content)
    monkeypatch.setattr(shipped, "DATA", tmp_path)
    shipped.shipped_demonstrators.cache_clear()
    independent.export(family, tmp_path, shipped.demonstrators_path("cheetah"))
    dealt = shipped.IndependentFamily("cheetah")
    shipped.shipped_demonstrators.cache_clear()
    # Files are read by name: backward-0 is the first, forward-0 the fourth.
    assigned = shipped.shipped_demonstrators("cheetah").assigned
    assert {assigned[t.label] for t in ways["backward"]} == {0, 1, 2}
    assert {assigned[t.label] for t in ways["forward"]} == {3, 4, 5}
    policies = dealt.demonstrators([dealt.task(speed=3), dealt.task(speed=-3)])
    networks = shipped.shipped_demonstrators("cheetah").networks
    for i, label in enumerate(("speed=3", "speed=-3")):
        expected = networks.weights[0][assigned[label]][:17]
        np.testing.assert_array_equal(policies.weights[0][i], expected)
    shipped.shipped_demonstrators.cache_clear()


@pytest.mark.parametrize("entry", INDEPENDENT, ids=lambda entry: entry.id)
def test_every_task_is_demonstrated_by_a_network_of_its_own_or_of_the_pool(entry):
    family = shipped.IndependentFamily(**entry.arguments)
    plain = LocomotionFamily("locomotion", family.body.name, ("speed",))
    assert [task.values for task in family.tasks] == [task.values for task in plain.tasks]
    demonstrators, experts = family.demonstrators(family.tasks), family.expert(family.tasks)
    first = demonstrators.weights[1].reshape(len(family.tasks), -1)
    pool = independent.POOL_SIZES.get(family.body.name)
    num_networks = 2 * pool if pool else len(family.tasks)
    assert len(np.unique(first, axis=0)) == num_networks
    np.testing.assert_array_equal(experts.weights[1], plain.expert(plain.tasks).weights[1])
    assert family.info.expert_version != plain.info.expert_version
    card = json.loads(card_path(family.info.id).read_text())
    with safe_open(shipped.demonstrators_path(family.body.name), framework="numpy") as file:
        records = json.loads(file.metadata()["trainings"])
    assert card["expert_version"] == family.info.expert_version
    assert len({record["seed"] for record in records}) == num_networks
    assigned = shipped.shipped_demonstrators(family.body.name).assigned
    for i, record in enumerate(records):
        labels = [label for label in record["returns"] if assigned[label] == i]
        earned = np.mean([record["returns"][label] for label in labels])
        # Other episodes of the same policies.
        said = np.mean([card["task_returns"][label] for label in labels])
        assert said == pytest.approx(earned, rel=0.25)


@pytest.mark.thorough  # of the bodies, reward and experts that locomotion is checked with
@pytest.mark.parametrize("check", FAMILY_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("body", [entry.arguments["body"] for entry in INDEPENDENT])
def test_family_contract(body, check):
    check(shipped.IndependentFamily(body))


@pytest.mark.thorough  # plays all tasks
def test_neighbours_differ_where_their_trainings_did():
    alike = demonstrator_difference(LocomotionFamily("locomotion", "finger", ("speed",)))
    apart = demonstrator_difference(shipped.IndependentFamily("finger"))
    assert (round(alike, 3), round(apart, 3)) == (
        json.loads(card_path("locomotion/finger-speed-v1").read_text())["demonstrator_difference"],
        json.loads(card_path("independent/finger-speed-v1").read_text())["demonstrator_difference"],
    )
    assert apart > 0.5 > 0.05 > alike


def test_training_writes_readable_files_and_skips_what_is_there(
    tmp_path, family, tiny, two_tasks, monkeypatch, capsys
):
    independent.train_all(family, tmp_path, tiny)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == ["speed=-10", "speed=-8"]
    files = sorted((tmp_path / "cheetah-speed-v1").iterdir())
    assert [path.name for path in files] == ["speed=-10.safetensors", "speed=-8.safetensors"]
    networks, record = independent.read(files[0])
    assert record["settings"]["low_speed"] == record["settings"]["high_speed"] == -10
    assert record["steps"] == 128
    assert len(record["returns"]["speed=-10"]) == 2
    assert record["seed"] == record["tries"][record["attempt"]]["seed"]
    assert record["min_return"] <= record["mean_return"]

    with pytest.raises(DataError, match="speed=-9"):
        independent.export(family, tmp_path, tmp_path / "all.safetensors")

    independent.report(family, tmp_path)
    assert "2 of 40 tasks" in capsys.readouterr().out
    before = files[1].read_bytes()
    files[0].unlink()
    independent.train_all(family, tmp_path, tiny)
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == [
        "speed=-10"
    ]
    # The seed alone decides: the lost file comes back with the same network.
    again, _ = independent.read(files[0])
    np.testing.assert_array_equal(again.weights[1], networks.weights[1])
    assert files[1].read_bytes() == before
    monkeypatch.setattr(independent, "train_afresh", None)
    independent.train_all(family, tmp_path, tiny)


@pytest.mark.parametrize(("second", "kept"), [(300.0, 0), (900.0, 1)])
def test_what_falls_now_and_then_is_trained_once_more_and_the_better_kept(
    tmp_path, family, tiny, two_tasks, monkeypatch, second, kept
):
    earned = {0: np.array([[900.0, 100.0]]), 1: np.array([[second, second]])}
    seeds = {independent.trainings(family)[0].settings(tiny, i).seed: i for i in range(2)}
    trained = []
    real = independent._trained

    def remembered(family, settings, num_threads):
        trained.append(seeds.get(settings.seed, -1))
        return real(family, settings, num_threads)

    monkeypatch.setattr(independent, "_trained", remembered)
    steady = np.array([[500.0, 500.0]])
    monkeypatch.setattr(independent, "_returns", lambda *_: earned.get(trained[-1], steady))
    independent.train_all(family, tmp_path, tiny)
    assert trained == [0, 1, -1]
    _, record = independent.read(tmp_path / "cheetah-speed-v1" / "speed=-10.safetensors")
    assert record["attempt"] == kept
    assert [each["mean_return"] for each in record["tries"]] == [500.0, second]
    assert seeds[record["seed"]] == kept
