"""The families of Meta-World: contract, spaces, tasks, and what they refuse."""

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hyperbench_manipulation.plugin import FAMILIES
from hyperbench_manipulation.sawyer.families import FrameFamily, GoalFamily
from hyperbench_manipulation.sawyer.layouts import stored_layouts
from hyperbench_manipulation.sawyer.names import FRAME_FAMILIES, GOAL_FAMILIES
from hyperbench_manipulation.sawyer.tasks import TASKS

from hyperbench.errors import SpecError
from hyperbench.protocol import QUICK, STANDARD
from hyperbench.seeding import content_hash
from hyperbench.testing.family import (
    check_expert_beats_random,
    check_expert_beats_zero_action,
    check_family,
)

NAMES = (*GOAL_FAMILIES, *FRAME_FAMILIES)
# By default one family of each kind: what is hidden, what has two objects, what is turned.
PLAYED = [
    pytest.param(
        name,
        marks=()
        if name in ("goal-push", "goal-peg-insert", "frame-drawer-open")
        else pytest.mark.thorough,
    )
    for name in NAMES
]
OVER_ALL_TASKS = (check_expert_beats_random, check_expert_beats_zero_action)


@pytest.fixture(scope="module")
def make_family(world):
    """A family by its name, with the session's world."""

    def make(name):
        family = GoalFamily(name) if name in GOAL_FAMILIES else FrameFamily(name)
        family.world = world(name.partition("-")[2])
        return family

    return make


@pytest.mark.parametrize("name", PLAYED)
def test_contract(make_family, name):
    check_family(make_family(name), except_for=OVER_ALL_TASKS)


@pytest.mark.parametrize("name", PLAYED)
def test_contract_over_the_first_and_the_last_task(make_family, name):
    family = make_family(name)
    family.tasks = (family.tasks[0], family.tasks[-1])
    for check in OVER_ALL_TASKS:  # on one family, whose expert is played once
        check(family)


@pytest.mark.slow  # 200 episodes of 200 steps, four times
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", OVER_ALL_TASKS, ids=lambda check: check.__name__)
def test_contract_over_all_tasks(make_family, name, check):
    check(make_family(name))


@pytest.mark.parametrize("name", ["goal-push", "frame-window-open"])
@pytest.mark.filterwarnings("ignore:.*A Box observation space m.* value is")  # unbounded on purpose
@pytest.mark.filterwarnings("ignore:.*not able to test alternative render modes")  # has no spec
def test_gymnasium_checks(make_family, name):
    family = make_family(name)
    check_env(family.make(family.tasks[0]), skip_render_check=True)


@pytest.mark.parametrize("name", GOAL_FAMILIES)
def test_goal_families_have_fifty_stored_layouts(make_family, name):
    family = make_family(name)
    assert len({task.key for task in family.tasks}) == 50
    task = family.metaworld_task
    layouts = [
        task.vector(dict(zip(family.spec_space.names, t.values, strict=True))) for t in family.tasks
    ]
    assert all(task.is_feasible(layout) for layout in layouts)
    # Uniform draws reach into the outer quarters of their ranges.
    for feature in family.spec_space.features:
        values = [t[feature.name] for t in family.tasks]
        width = feature.high - feature.low
        assert min(values) < feature.low + width / 4
        assert max(values) > feature.high - width / 4


def test_layouts_are_never_drawn_anew():
    """Whoever changes them raises the families' versions."""
    values = {name: stored["values"] for name, stored in stored_layouts().items()}
    assert values["push"][0] == [-0.0217, 0.6683, 0.0275, 0.8165]
    assert content_hash(values) == "aee19379ceb44c6a"


def test_frame_families_go_once_around(make_family):
    for name in FRAME_FAMILIES:
        tasks = make_family(name).tasks
        angles = np.array([np.arctan2(task["sin"], task["cos"]) for task in tasks])
        assert len(tasks) == 28
        np.testing.assert_allclose(np.diff(np.unwrap(angles)), 2 * np.pi / 28)


@pytest.mark.parametrize("protocol", [QUICK, STANDARD])
def test_default_split(make_family, protocol):
    sizes = {"goal-hammer": (15, 5, 30), "frame-push": (8, 3, 17)}
    for name, expected in sizes.items():
        family = make_family(name)
        split = protocol.split(family, 0)
        assert (len(split.source), len(split.validation), len(split.target)) == expected


@pytest.mark.parametrize("name", ["goal-push", "goal-pick-place", "goal-coffee-push"])
def test_what_metaworld_would_never_finish_is_refused(make_family, name):
    family = make_family(name)
    ranges = family.metaworld_task.ranges
    near = {feature: ranges[feature][0] for feature in family.spec_space.names}
    near |= {"object_y": ranges["object_y"][1], "goal_y": ranges["goal_y"][0]}
    near["object_x"] = near["goal_x"]
    with pytest.raises(SpecError, match=r"m apart in the plane, and Meta-World asks for 0\.15 m"):
        family.make(family.task(**near))


def test_a_policy_sees_hidden_objects_only_through_its_hand(make_family):
    """Whatever the layout, the first observation is the same."""
    family = make_family("goal-push")
    env = family.make_vec(family.tasks)
    observations, infos = env.reset(seed=[3] * 50)
    assert (observations == observations[0]).all()
    assert (infos["moved"][:, :4] == observations[:, :4]).all()
    env.close()


def test_a_turned_frame_turns_what_is_executed(make_family):
    family = make_family("frame-reach")
    quarter = family.task(cos=0.0, sin=1.0)
    env = family.make_vec([quarter, family.tasks[0]])
    actions = np.array([[0.8, 0.3, 0.1, -0.4], [-0.3, 0.8, 0.1, -0.4]], np.float32)
    np.testing.assert_allclose(*env.turned(actions), atol=1e-7)
    corner = np.full((2, 4), 3.0)
    np.testing.assert_allclose(env.turned(corner)[0], [-1, 1, 1, 1], atol=1e-7)
    env.close()


def test_reset_mask_leaves_the_others_alone(make_family):
    family = make_family("goal-window-open")
    env = family.make_vec(family.tasks[:2])
    env.reset(seed=0)
    for _ in range(20):
        env.step(np.full((2, 4), 0.5, np.float32))
    before = env.observe()
    after, _ = env.reset(seed=[7, 8], options={"reset_mask": np.array([False, True])})
    np.testing.assert_array_equal(after[0], before[0])
    fresh, _ = family.make(family.tasks[1]).reset(seed=8)
    np.testing.assert_array_equal(after[1], fresh)
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([1, 0])})
    with pytest.raises(ValueError, match="3 seeds for 2 environments"):
        env.reset(seed=[1, 2, 3])
    env.close()


def test_every_task_is_used():
    used = {entry.id.partition("/")[2].partition("-")[2].removesuffix("-v1") for entry in FAMILIES}
    assert set(TASKS) <= used
