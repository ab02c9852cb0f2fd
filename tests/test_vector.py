"""What vector environments share: random streams, and one environment as a plain one."""

import numpy as np
import pytest

from hyperbench.vector import RandomStreams, SingleEnv


def draws(streams, **arguments):
    """The first number of each stream that a reset chooses, by index."""
    chosen = streams.reset(arguments.get("seed"), arguments.get("options"))
    return {i: rng.random() for i, rng in chosen.items()}


def test_a_stream_is_numpys_of_its_seed():
    seeds = [0, 7, 2**32 + 1, 2**48 - 1]
    expected = [np.random.default_rng(seed).random() for seed in seeds]
    assert draws(RandomStreams(4), seed=seeds) == dict(enumerate(expected))
    assert draws(RandomStreams(4), seed=np.array(seeds)) == dict(enumerate(expected))


def test_one_seed_counts_up():
    assert draws(RandomStreams(3), seed=5) == draws(RandomStreams(3), seed=[5, 6, 7])
    assert draws(RandomStreams(3), seed=np.int64(5)) == draws(RandomStreams(3), seed=5)


def test_a_stream_goes_on_until_it_is_seeded():
    streams, alone = RandomStreams(2), np.random.default_rng(3)
    assert draws(streams, seed=[3, 4])[0] == alone.random()
    assert draws(streams, seed=[None, 4])[0] == alone.random()
    masked = {"reset_mask": np.array([False, True])}
    assert list(draws(streams, options=masked)) == [1]
    assert draws(streams)[0] == alone.random()


def test_what_does_not_fit_is_refused():
    streams = RandomStreams(2)
    with pytest.raises(ValueError, match="3 seeds for 2 environments"):
        streams.reset([1, 2, 3], None)
    for mask in (np.array([1, 0]), np.array([True])):
        with pytest.raises(ValueError, match="reset_mask must be bool"):
            streams.reset(None, {"reset_mask": mask})
    with pytest.raises(TypeError):
        streams.reset([1.5, 2], None)


def test_one_environment_tells_plain_numbers(pointmass):
    env = pointmass.make(pointmass.tasks[0])
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(np.zeros(2, dtype=np.float32))
    assert [type(value) for value in (reward, terminated, truncated)] == [float, bool, bool]
    assert info == {"success": False}
    assert type(info["success"]) is bool


def test_one_environment_is_one(pointmass):
    with pytest.raises(ValueError, match="expected one environment, got 2"):
        SingleEnv(pointmass.make_vec(pointmass.tasks[:2]))
    with pytest.raises(ValueError, match="render_mode 'human' is neither"):
        pointmass.make(pointmass.tasks[0], "human")
