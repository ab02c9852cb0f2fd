"""The families: grids, spaces, seeds, and that ``make`` and ``make_vec`` play the same episodes."""

import subprocess
import sys

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hyperbench_locomotion.bodies import BODIES
from hyperbench_locomotion.families import LocomotionFamily
from hyperbench_locomotion.plugin import FAMILIES, INDEPENDENT, hyperbench_suites

from hyperbench.errors import HyperbenchError, SpecError
from hyperbench.testing.family import (
    check_expert_beats_random,
    check_expert_beats_zero_action,
    check_family,
)
from hyperbench.testing.family_declared import check_tasks

NUM_STEPS = 50


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda entry: entry.id)
def family(request):
    return LocomotionFamily(**request.param.arguments)


def play(env, actions, seed=None):
    """Observations and rewards of the given actions (num_steps, ...)."""
    observations, rewards = [env.reset(seed=seed)[0]], []
    for action in actions:
        observation, reward, *_ = env.step(action)
        observations.append(observation)
        rewards.append(reward)
    return np.array(observations), np.array(rewards)


def random_actions(family, *shape):
    size = (*shape, *family.action_space.shape)
    return np.random.default_rng(0).uniform(-1, 1, size).astype(np.float32)


def test_plugin_module_imports_no_simulator():
    code = (
        "import sys, hyperbench_locomotion.plugin; assert not {'mujoco', 'torch'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_entries_and_families_agree():
    for entry in FAMILIES:
        family = LocomotionFamily(**entry.arguments)
        assert family.info.id == entry.id
        check_tasks(family)
    assert [name for suite in hyperbench_suites() for name in suite.families] == [
        entry.id for entry in (*FAMILIES, *INDEPENDENT)
    ]


def test_every_family_says_what_it_is():
    units = {"cheetah": "m/s", "walker": "m/s", "finger": "rad/s"}
    for entry in FAMILIES:
        family = LocomotionFamily(**entry.arguments)
        for feature in family.spec_space.features:
            speed = feature.name == "speed"
            assert feature.unit == (units[entry.arguments["body"]] if speed else "m")
            assert feature.kind == ("reward" if speed else "dynamics")
        assert family.info.licence.startswith("MIT")
        assert "Apache-2.0" in family.info.licence
        assert "dm_control" in family.info.citation
        assert family.info.horizon == 1000
        assert not family.info.has_success


def test_published_speeds():
    family = LocomotionFamily("locomotion", "cheetah", ("speed",))
    speeds = [task["speed"] for task in family.tasks]
    assert len(speeds) == 40
    assert speeds == [i / 2 for i in range(-20, 21) if i != 0]
    assert family.info.horizon == 1000


@pytest.mark.parametrize(
    ("family", "num_tasks", "first", "last"),
    [
        ("locomotion/walker-speed-v1", 40, (-5.0,), (5.0,)),
        ("locomotion/finger-speed-v1", 30, (-15.0,), (15.0,)),
        ("locomotion/cheetah-length-v1", 41, (0.3,), (0.7,)),
        ("locomotion/walker-length-v1", 41, (0.1,), (0.5,)),
        ("locomotion/finger-length-v1", 31, (0.1,), (0.4,)),
        ("locomotion/cheetah-speed-length-v1", 90, (-5.0, 0.3), (5.0, 0.7)),
        ("locomotion/walker-speed-length-v1", 90, (-5.0, 0.1), (5.0, 0.5)),
        ("locomotion/finger-speed-length-v1", 70, (-15.0, 0.1), (15.0, 0.4)),
        ("tracking/cheetah-speed-v1", 30, (-6.0,), (9.0,)),
        ("tracking/cheetah-speed-length-v1", 90, (-5.0, 0.3), (5.0, 0.7)),
        ("tracking/walker-speed-v1", 34, (-3.5,), (5.0,)),
        ("tracking/walker-speed-length-v1", 72, (-3.0, 0.1), (5.0, 0.5)),
        ("tracking/finger-speed-v1", 28, (-15.0,), (15.0,)),
        ("tracking/finger-speed-length-v1", 70, (-15.0, 0.1), (15.0, 0.4)),
    ],
)
def test_grids(family, num_tasks, first, last):
    entry = next(entry for entry in FAMILIES if entry.id == family)
    tasks = LocomotionFamily(**entry.arguments).tasks
    assert len(tasks) == num_tasks
    assert (tasks[0].values, tasks[-1].values) == (first, last)
    assert not any("speed" in task.space.names and task["speed"] == 0 for task in tasks)


def test_fixed_features():
    """Without the feature the target is 1 and the body nominal, whatever else varies."""
    speeds = LocomotionFamily("locomotion", "finger", ("speed",))
    lengths = LocomotionFamily("locomotion", "finger", ("length",))
    both = LocomotionFamily("locomotion", "finger", ("speed", "length"))
    actions = random_actions(both, NUM_STEPS)
    for family, task, twin in [
        (speeds, speeds.task(speed=3), both.task(speed=3, length=0.16)),
        (lengths, lengths.task(length=0.3), both.task(speed=1, length=0.3)),
    ]:
        found, expected = play(family.make(task), actions, 0), play(both.make(twin), actions, 0)
        np.testing.assert_array_equal(found[0], expected[0])
        np.testing.assert_array_equal(found[1], expected[1])


def test_any_task_of_the_spec_space_can_be_played():
    family = LocomotionFamily("locomotion", "cheetah", ("speed",))
    task = family.task(speed=2.25)
    assert family.expert([task]).num_tasks == 1
    with pytest.raises(SpecError, match="outside"):
        family.task(speed=11.0)


PLAY_ALL_TASKS = (check_expert_beats_random, check_expert_beats_zero_action)


def test_family_keeps_the_contract(played_entry):
    family = LocomotionFamily(**played_entry.arguments)
    check_family(family, except_for=PLAY_ALL_TASKS)


@pytest.mark.slow  # plays up to 720 episodes
@pytest.mark.parametrize("check", PLAY_ALL_TASKS)
@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.id)
def test_expert_keeps_the_contract(entry, check):
    check(LocomotionFamily(**entry.arguments))


def test_expert_keeps_the_contract_at_both_ends(played_entry):
    family = LocomotionFamily(**played_entry.arguments)
    family.tasks = (family.tasks[0], family.tasks[-1])
    for check in PLAY_ALL_TASKS:  # on one family, whose expert is played once
        check(family)


@pytest.mark.filterwarnings("ignore:.*A Box observation space m.* value is")  # unbounded on purpose
@pytest.mark.filterwarnings("ignore:.*not able to test alternative render modes")  # has no spec
def test_gymnasium_checks(family):
    check_env(family.make(family.tasks[0]), skip_render_check=True)


def test_make_and_make_vec_play_the_same_episode(family):
    tasks = [family.tasks[3], family.tasks[-1], family.tasks[3]]
    seeds = [11, 2**40, 12]
    actions = random_actions(family, NUM_STEPS, 3)
    vector_env = family.make_vec(tasks, num_threads=2)
    together = play(vector_env, actions, seeds)
    vector_env.close()
    for i, (task, seed) in enumerate(zip(tasks, seeds, strict=True)):
        env = family.make(task)
        observations, rewards = play(env, actions[:, i], seed)
        env.close()
        np.testing.assert_array_equal(observations, together[0][:, i])
        np.testing.assert_array_equal(rewards, together[1][:, i])


@pytest.mark.parametrize("num_threads", [2, 5])
def test_threads_change_nothing(family, num_threads):
    tasks = family.tasks[:7]
    actions = random_actions(family, NUM_STEPS, 7)
    expected = play(family.make_vec(tasks), actions, 5)
    found = play(family.make_vec(tasks, num_threads=num_threads), actions, 5)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_seed_decides_the_start(family):
    env = family.make(family.tasks[0])
    first, _ = env.reset(seed=1)
    following, _ = env.reset()
    other, _ = env.reset(seed=2)
    again, _ = env.reset(seed=1)
    following_again, _ = env.reset()
    env.close()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(following, following_again)
    assert not np.allclose(first, other)
    assert not np.allclose(first, following)


def test_reset_mask_leaves_the_others_alone(family):
    actions = random_actions(family, NUM_STEPS, 2)
    env = family.make_vec(family.tasks[:2])
    play(env, actions, 0)
    before = env.observe()
    after, _ = env.reset(seed=[7, 8], options={"reset_mask": np.array([False, True])})
    np.testing.assert_array_equal(after[0], before[0])
    fresh, _ = family.make(family.tasks[1]).reset(seed=8)
    np.testing.assert_array_equal(after[1], fresh)


def test_wrong_seeds_and_masks_are_refused(family):
    env = family.make_vec(family.tasks[:2])
    with pytest.raises(ValueError, match="3 seeds for 2 environments"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([1, 0])})


def test_episode_ends_by_truncation_at_the_horizon(family):
    env = family.make_vec(family.tasks[:1])
    env.reset(seed=0)
    action = np.zeros((1, *family.action_space.shape), np.float32)
    ends = []
    for _ in range(family.info.horizon):
        _, _, terminated, truncated, _ = env.step(action)
        assert not terminated.any()
        ends.append(bool(truncated[0]))
    assert ends == [False] * (family.info.horizon - 1) + [True]


def test_actions_are_clipped(family):
    actions = random_actions(family, NUM_STEPS)
    beyond = np.sign(actions) * 3
    task = family.tasks[0]
    clipped = play(family.make(task), np.sign(actions), 0)
    np.testing.assert_array_equal(play(family.make(task), beyond, 0)[0], clipped[0])


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.id)
def test_render_mode_is_accepted_or_refused(entry):
    family = LocomotionFamily(**entry.arguments)
    env = family.make(family.tasks[0], "rgb_array")
    assert env.render_mode == "rgb_array"
    assert env.metadata["render_fps"] > 0
    env.close()
    with pytest.raises(ValueError, match="render_mode"):
        family.make(family.tasks[0], "human")


@pytest.mark.parametrize("body", BODIES)
def test_rendering(body):
    family = LocomotionFamily("locomotion", body, ("length",))
    env = family.make(family.tasks[-1], "rgb_array")
    env.reset(seed=0)
    try:
        first = env.render()
    except HyperbenchError as error:
        pytest.skip(f"no OpenGL here: {error}")
    for action in random_actions(family, 20):
        env.step(action)
    second = env.render()
    env.close()
    assert first.ndim == 3
    assert first.shape[2] == 3
    assert first.dtype == np.uint8
    assert first.std() > 10, "the picture is empty"
    assert (first != second).any(), "the body does not move"


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("num_threads", [1, 2])
def test_who_leaves_stands_still_and_changes_nothing_for_others(name, num_threads):
    family = LocomotionFamily("locomotion", name, ("speed",))
    tasks = family.tasks[:4]
    actions = random_actions(family, NUM_STEPS, len(tasks))
    whole, left = (family.make_vec(tasks, num_threads) for _ in range(2))
    for env in (whole, left):
        env.reset(seed=[0, 1, 2, 3])
    for step, action in enumerate(actions):
        if step == 10:
            left.leave(np.array([False, True, False, True]))
            stood = left.physics.qpos[1].copy()
        if step == 20:
            left.leave(np.array([True, True, False, False]))
        shown, there = whole.step(action), left.step(action)
        going = [0, 1, 2, 3] if step < 10 else [0, 2] if step < 20 else [2]
        for one, other in zip(shown[:2], there[:2], strict=True):
            np.testing.assert_array_equal(one[going], other[going])
    np.testing.assert_array_equal(left.physics.qpos[1], stood)
    for env in (whole, left):
        env.close()
