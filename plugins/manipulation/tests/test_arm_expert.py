"""The scripted expert and the cards it has written."""

import json

import numpy as np
import pytest
from hyperbench_manipulation.arm.card import card_path, expert_card
from hyperbench_manipulation.arm.expert import CubeExperts
from hyperbench_manipulation.arm.family import ArmFamily
from hyperbench_manipulation.arm.names import ARM_FAMILIES

NUM_CARD_EPISODES = 20


@pytest.mark.parametrize("name", ARM_FAMILIES)
def test_card_belongs_to_the_expert_that_never_fails(name):
    family = ArmFamily(name)
    card = json.loads(card_path(name).read_text())
    assert card["family"] == family.info.id
    assert card["expert_version"] == family.info.expert_version
    assert card["physics"] == family.info.physics
    assert card["execution_noise"] == family.info.execution_noise
    assert card["episodes_per_task"] == NUM_CARD_EPISODES
    assert list(card["tasks"]) == [task.label for task in family.tasks]
    assert all(row["success"] == 1.0 for row in card["tasks"].values())
    assert card["expert"]["lasting"] == 1.0
    assert card["disturbed"]["success"] >= 0.99


@pytest.mark.parametrize("name", ["lift-damping", "pick-size"])
def test_card_agrees_with_a_new_evaluation(name):
    family = ArmFamily(name)
    expected = json.loads(card_path(name).read_text())["tasks"]
    family.tasks = family.tasks[::20]
    found = expert_card(family, 3)["tasks"]
    for label, row in found.items():
        assert row["success"] == 1.0
        np.testing.assert_allclose(row["steps"], expected[label]["steps"], rtol=0.3)


def test_the_expert_remembers_nothing_and_ignores_the_batch():
    family = ArmFamily("pick-size")
    env = family.make_vec([family.tasks[0], family.tasks[-1]] * 6)
    observations, _ = env.reset(seed=0)
    for _ in range(12):
        observations, *_ = env.step(CubeExperts(1).act(observations[None])[0])
    seen = observations.reshape(2, 6, -1)
    actions = CubeExperts(2).act(seen)
    assert actions.dtype == np.float32
    assert len({tuple(a) for a in actions.reshape(12, 7)}) == 12
    used = CubeExperts(1)
    for t in range(2):
        for e in range(6):
            alone = used.act(seen[t : t + 1, e : e + 1])
            np.testing.assert_array_equal(alone[0, 0], actions[t, e])


def test_fingers_hold_the_smallest_cube_by_its_faces():
    """Soft contacts would let them sink into it."""
    family = ArmFamily("lift-size")
    task = family.tasks[0]
    env = family.make_vec([task])
    expert = family.expert([task])
    observation, _ = env.reset(seed=1)
    for _ in range(35):
        observation, _, _, _, info = env.step(expert.act(observation[None])[0])
    assert info["success"][0]
    np.testing.assert_allclose(observation[0, 7:9], task["size"], atol=5e-4)
    assert np.abs(observation[0, 34:36]).max() < 0.006, "the cube is not between the fingers"
