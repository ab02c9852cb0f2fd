"""Demonstrators from trainings of their own."""

import json
from dataclasses import replace

import numpy as np
import pytest

from hyperbench.errors import DataError

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

    tasks = [family.task(speed=-8), family.task(speed=-10)]
    policies, names = independent.demonstrators(family, tasks, tmp_path)
    assert names == ("speed=-8", "speed=-10")
    alone = independent._policy(family, networks, tasks[1:])
    np.testing.assert_array_equal(policies.weights[0][1], alone.weights[0][0])
    assert not np.array_equal(policies.weights[1][0], policies.weights[1][1])
    with pytest.raises(DataError, match="speed=3"):
        independent.demonstrators(family, [family.task(speed=3)], tmp_path)

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
