"""The arm's families: grids, what they say, the contract, and that episodes repeat to the bit."""

import subprocess
import sys

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hyperbench_manipulation.arm.family import ArmFamily
from hyperbench_manipulation.arm.names import ARM_FAMILIES

from hyperbench.errors import HyperbenchError, SpecError
from hyperbench.protocol import PAPER
from hyperbench.testing.family import (
    check_expert_beats_random,
    check_expert_beats_zero_action,
    check_family,
)

# By default one family of each task, with what changes the cube and what changes the arm.
PLAYED = [
    pytest.param(name, marks=() if name in ("lift-size", "pick-arm") else pytest.mark.thorough)
    for name in ARM_FAMILIES
]
PLAY_ALL_TASKS = (check_expert_beats_random, check_expert_beats_zero_action)


def play(env, expert, seeds, num_steps=40):
    """Observations, rewards and successes of expert episodes; ``expert`` is one policy for all."""
    observation, _ = env.reset(seed=seeds)
    observations, rewards, successes = [observation], [], []
    for _ in range(num_steps):
        actions = expert.act(observations[-1][None])[0]
        observation, reward, _, _, info = env.step(actions)
        observations.append(observation)
        rewards.append(reward)
        successes.append(info["success"])
    env.close()
    return np.array(observations), np.array(rewards), np.array(successes)


def test_names_import_no_simulator():
    code = (
        "import sys, hyperbench_manipulation.arm.names; "
        "assert not {'mujoco', 'numpy'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("factor", "num_tasks", "first", "last", "unit", "kind"),
    [
        ("size", 21, 0.01, 0.03, "m", "object"),
        ("stiffness", 21, 500.0, 1500.0, "N m/rad", "dynamics"),
        ("damping", 21, 50.0, 150.0, "N m s/rad", "dynamics"),
        ("arm", 15, 0.6, 2.0, "", "dynamics"),
    ],
)
def test_published_grids(factor, num_tasks, first, last, unit, kind):
    assert len(ARM_FAMILIES) == 8
    for task in ("lift", "pick"):
        family = ArmFamily(f"{task}-{factor}")
        assert family.info.id == f"manipulation/{task}-{factor}-v1"
        values = [spec[factor] for spec in family.tasks]
        assert len(values) == num_tasks
        assert (values[0], values[-1]) == (first, last)
        steps = np.diff(values)
        np.testing.assert_allclose(steps, steps[0])
        (feature,) = family.spec_space.features
        assert (feature.unit, feature.kind) == (unit, kind)


def test_published_split():
    for name, sizes in (("lift-size", (6, 0, 15)), ("pick-arm", (4, 0, 11))):
        family = ArmFamily(name)
        split = PAPER.split(family, 123)
        assert tuple(map(len, (split.source, split.validation, split.target))) == sizes


@pytest.mark.parametrize("name", ARM_FAMILIES)
def test_every_family_says_what_it_is(name):
    info = ArmFamily(name).info
    assert info.has_success
    assert info.ends_at_success
    assert info.execution_noise == 0.2
    assert info.min_demonstrations == 20
    assert "paper-compatible" in info.summary
    assert "headroom" in info.summary
    assert info.remark.startswith("Paper-compatible, with little headroom")
    assert "Panda" in info.licence
    assert "ManiSkill2" in info.citation


@pytest.mark.parametrize("name", PLAYED)
def test_family_keeps_the_contract(name):
    check_family(ArmFamily(name), except_for=PLAY_ALL_TASKS)


@pytest.mark.parametrize("name", ARM_FAMILIES)
def test_expert_beats_random_at_both_ends(name):
    family = ArmFamily(name)
    family.tasks = (family.tasks[0], family.tasks[-1])
    check_expert_beats_random(family)


@pytest.mark.slow  # plays up to 168 episodes
@pytest.mark.parametrize("check", PLAY_ALL_TASKS)
@pytest.mark.parametrize("name", ARM_FAMILIES)
def test_expert_keeps_the_contract(name, check):
    check(ArmFamily(name))


@pytest.mark.parametrize("name", ["lift-size", "pick-arm"])
def test_an_episode_is_the_same_again_in_any_company_on_any_threads(name):
    """Whole grasps, to the last bit: twice, alone, among others, by one, two and three threads."""
    family = ArmFamily(name)
    task, others = family.tasks[3], family.tasks[-3:]
    expert = family.expert([task])
    alone = play(family.make_vec([task]), expert, [11], 30)
    assert alone[2][-1].all(), "nothing was grasped"
    company = [*others, task]
    for num_threads in (1, 2, 3):
        found = play(family.make_vec(company, num_threads), expert, [5, 6, 7, 11], 30)
        for part, expected in zip(found, alone, strict=True):
            np.testing.assert_array_equal(part[:, 3:], expected)
    again = play(family.make_vec([task]), expert, [11], 30)
    for part, expected in zip(again, alone, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_any_task_of_the_spec_space_can_be_played():
    family = ArmFamily("lift-arm")
    assert family.make_vec([family.task(arm=1.234)]).reset(seed=0)[0].shape == (1, 37)
    with pytest.raises(SpecError, match="outside"):
        family.task(arm=0.5)


def test_reset_mask_leaves_the_others_alone():
    family = ArmFamily("pick-size")
    env = family.make_vec(family.tasks[:2])
    before, _ = env.reset(seed=0)
    goal = env.goals[0].copy()
    after, _ = env.reset(seed=[7, 8], options={"reset_mask": np.array([False, True])})
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_array_equal(env.goals[0], goal)
    fresh, _ = family.make(family.tasks[1]).reset(seed=8)
    np.testing.assert_array_equal(after[1], fresh)
    with pytest.raises(ValueError, match="3 seeds for 2 environments"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([1, 0])})


def test_seed_decides_the_start():
    family = ArmFamily("pick-damping")
    env = family.make(family.tasks[0])
    first, following = env.reset(seed=1)[0], env.reset()[0]
    again, following_again = env.reset(seed=1)[0], env.reset()[0]
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(following, following_again)
    assert not np.allclose(first, following)


@pytest.mark.filterwarnings("ignore:.*A Box observation space m.* value is")  # unbounded on purpose
@pytest.mark.filterwarnings("ignore:.*not able to test alternative render modes")  # has no spec
def test_gymnasium_checks():
    family = ArmFamily("pick-size")
    check_env(family.make(family.tasks[0]), skip_render_check=True)


def test_pictures_show_the_arm_and_the_goal():
    pictures = {}
    for name in ("lift-size", "pick-size"):
        family = ArmFamily(name)
        env = family.make(family.tasks[-1], "rgb_array")
        assert env.metadata["render_fps"] == 20
        env.reset(seed=0)
        try:
            pictures[name] = [env.render()]
        except HyperbenchError as error:
            pytest.skip(f"no OpenGL here: {error}")
        for _ in range(5):
            env.step(np.array([0, 0, -1, 0, 0, 0, 1], np.float32))
        pictures[name].append(env.render())
        env.close()
        with pytest.raises(ValueError, match="render_mode"):
            family.make(family.tasks[0], "human")
    first, second = pictures["pick-size"]
    assert first.shape == (360, 480, 3)
    assert first.std() > 10, "the picture is empty"
    assert (first != second).any(), "the arm does not move"
    green = {name: _greenish(shown[0]) for name, shown in pictures.items()}
    assert green["pick-size"] > green["lift-size"] == 0


def _greenish(picture):
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    return int(((green > red + 30) & (green > blue + 30)).sum())
