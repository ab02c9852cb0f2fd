"""Demonstrations: what was seen goes with what was done, and what is missing is named."""

import numpy as np
import pytest

from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.errors import DataError


def episode(start, length):
    """Observations count up from ``start`` in two columns; the action is the first, negated."""
    observations = start + np.arange(length + 1, dtype=np.float32)[:, None] * [1, 10]
    return Episode(
        observations=observations.astype(np.float32),
        actions=-observations[:-1, :1].astype(np.float32),
        rewards=np.ones(length, np.float32),
        terminated=False,
        seed=0,
    )


@pytest.fixture
def tasks(make_tasks):
    return make_tasks(3)


@pytest.fixture
def demonstrations(tasks):
    low, high = np.full(1, -1, np.float32), np.ones(1, np.float32)
    episodes = ((episode(0, 2), episode(100, 3)), (episode(200, 1),), (episode(300, 4),))
    return Demonstrations(tasks, episodes, low, high)


def test_each_action_belongs_to_its_observation(demonstrations):
    """Episodes of unequal length are joined without a step from one's end to the other's start."""
    seen, done = demonstrations.observations(0), demonstrations.actions(0)
    np.testing.assert_array_equal(seen[:, 0], [0, 1, 100, 101, 102])
    np.testing.assert_array_equal(done[:, 0], -seen[:, 0])
    np.testing.assert_array_equal(demonstrations.next_observations(0) - seen, [[1, 10]] * 5)


def test_sizes(demonstrations):
    assert demonstrations.num_tasks == 3
    assert (demonstrations.observation_dim, demonstrations.action_dim) == (2, 1)
    assert [len(e) for e in demonstrations.episodes[0]] == [2, 3]


def test_select_follows_the_order_asked(demonstrations, tasks):
    chosen = demonstrations.select([tasks[2], tasks[0]])
    assert chosen.specs == (tasks[2], tasks[0])
    assert chosen.observations(0)[0, 0] == 300
    assert chosen.observations(1)[0, 0] == 0


def test_select_names_what_is_missing(demonstrations, make_tasks):
    stranger = make_tasks(5)[1]
    with pytest.raises(DataError, match=r"No demonstrations of size=0\.25\."):
        demonstrations.select([demonstrations.specs[0], stranger])
    with pytest.raises(DataError, match=r"of size=0\."):  # of another family: not the same task
        demonstrations.select(make_tasks(3, family="toy/other-v1")[:1])


@pytest.mark.parametrize(
    ("num_specs", "episodes", "message"),
    [
        (0, (), "Demonstrations of no task"),
        (2, ((episode(0, 1),),), "2 tasks but episodes for 1"),
        (2, ((episode(0, 1),), ()), "size=0.5 of toy/size-v1 has no demonstration"),
    ],
)
def test_incomplete_demonstrations_are_refused(tasks, num_specs, episodes, message):
    bound = np.ones(1, np.float32)
    with pytest.raises(DataError, match=message):
        Demonstrations(tasks[:num_specs], episodes, -bound, bound)
