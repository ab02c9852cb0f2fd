"""Our stepper against Meta-World's own ``reset`` and ``step``, to the last bit."""

import numpy as np
import pytest
from hyperbench_manipulation.sawyer.experts import FrameExperts
from hyperbench_manipulation.sawyer.layouts import layout_values
from hyperbench_manipulation.sawyer.physics import _norms
from hyperbench_manipulation.sawyer.tasks import TASKS
from hyperbench_manipulation.sawyer.vector_env import HORIZON, SawyerVectorEnv
from hypothesis import given
from hypothesis import strategies as st

ANGLE = 0.4
NOISE = 0.1


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("push", "peg-insert") else pytest.mark.thorough)
        for name in TASKS
    ],
)
def test_episodes_equal_metaworlds_to_the_last_bit(name, world, metaworld):
    """A noisy expert plays 200 steps in a turned frame, beside two others on two threads."""
    task = TASKS[name]
    layouts = [task.vector(values) for values in layout_values(name)[7:10]]
    angles = np.array([0.0, ANGLE, 0.0])
    ours = SawyerVectorEnv(
        world(name), [[layout] for layout in layouts], angles, shows_object=True, num_threads=2
    )
    executed = []
    advance = ours.physics.advance

    def noted_advance(chosen, actions):
        executed.append(actions[1].copy())
        advance(chosen, actions)

    ours.physics.advance = noted_advance
    seen = [ours.reset(seed=5)]
    expert, rng = FrameExperts(task, angles), np.random.default_rng(0)
    for _ in range(HORIZON):
        noise = rng.normal(0, NOISE, (3, 4)).astype(np.float32)
        observations, _, _, truncated, infos = ours.step(
            expert.act(seen[-1][0][:, None])[:, 0] + noise
        )
        seen.append((observations, infos))
        if len(seen) <= HORIZON:
            np.testing.assert_array_equal(
                ours.physics.objects[1].astype(np.float32), observations[1, 4:7]
            )
    assert truncated.all()
    ours.close()

    theirs = metaworld(name, layouts[1])
    start, _ = theirs.reset()
    num_start_steps = len(executed) - HORIZON
    found = [theirs.step(action) for action in executed][num_start_steps - 1 :]
    moved = 0.0
    succeeded = []
    for (observations, infos), (expected, _, _, _, info) in zip(seen, found, strict=True):
        shown = np.concatenate([expected[:7], expected[18:25], theirs._target_pos])
        np.testing.assert_array_equal(observations[1], shown.astype(np.float32))
        displacement = (expected[4:7] - start[4:7]).astype(np.float32)
        np.testing.assert_array_equal(infos["moved"][1, 4:], displacement)
        assert infos["success"][1] == bool(info["success"])
        succeeded.append(bool(info["success"]))
        moved = max(moved, float(np.linalg.norm(displacement)))
    assert any(succeeded), "success was not compared"
    assert not all(succeeded)
    assert moved > 0.03 or name == "reach", "the object was hardly moved"


@pytest.mark.parametrize("name", TASKS)
def test_positions_have_metaworlds_precision(name, world, metaworld):
    """Not only after rounding to float32."""
    layout = TASKS[name].vector(layout_values(name)[3])
    ours = SawyerVectorEnv(world(name), [[layout]], np.zeros(1), shows_object=True)
    ours.reset(seed=0)
    theirs = metaworld(name, layout)
    theirs.reset()
    physics = ours.physics
    physics.place(0, world(name).start(layout))
    for action in np.random.default_rng(1).uniform(-1, 1, (30, 4)).astype(np.float32):
        physics.advance(np.array([0]), action[None])
        expected = theirs.step(action)[0]
        np.testing.assert_array_equal(physics.hands[0], expected[:3])
        assert physics.openings[0] == expected[3]
        np.testing.assert_array_equal(physics.objects[0], expected[4:7])
        np.testing.assert_array_equal(physics.qpos[0], theirs.data.qpos)
    ours.close()


@pytest.mark.parametrize("name", TASKS)
def test_ranges_are_those_that_metaworld_draws_from(name, metaworld):
    task = TASKS[name]
    drawn = metaworld(name, None)._random_reset_space
    for part, low, high in zip(task.layout, drawn.low, drawn.high, strict=True):
        if isinstance(part, str):
            assert task.ranges[part] == (low, high)
        elif name == "reach":
            assert low <= part <= high
        else:
            assert part == pytest.approx((low + high) / 2)
            assert high - low < 0.0101
    assert set(task.ranges) == {part for part in task.layout if isinstance(part, str)}


@given(st.lists(st.tuples(*[st.floats(-2, 2)] * 3), min_size=1, max_size=5))
def test_lengths_are_numpys_to_the_last_bit(rows):
    vectors = np.array(rows)
    expected = [np.linalg.norm(vector) for vector in vectors]
    np.testing.assert_array_equal(_norms(vectors), expected)
