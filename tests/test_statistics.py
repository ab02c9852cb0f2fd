"""Statistics of scores, against numbers worked out by hand and properties they must have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hyperbench.statistics import MIN_RUNS_FOR_INTERVAL, bootstrap_interval, iqm, score

numbers = st.floats(-1e3, 1e3)
lists = st.lists(numbers, min_size=1, max_size=30)


def rng(seed=0):
    return np.random.default_rng(seed)


def runs(num, num_tasks=6, seed=1):
    return list(rng(seed).normal(0.5, 0.2, (num, num_tasks)))


@given(numbers, st.floats(0.1, 1e3), numbers, st.floats(0.1, 100), numbers)
def test_score_does_not_depend_on_the_unit_of_reward(random, gap, achieved, factor, offset):
    expert = random + gap
    assert score(random, random, expert) == 0
    assert score(expert, random, expert) == 1
    plain = score(achieved, random, expert)
    moved = score(*(factor * value + offset for value in (achieved, random, expert)))
    assert moved == pytest.approx(plain, rel=1e-6, abs=1e-6)


def test_score_is_neither_clipped_nor_shared_between_tasks():
    found = score(np.array([30.0, -10.0, 5.0]), np.array([0.0, 0.0, 4.0]), np.array([10, 10, 8.0]))
    np.testing.assert_allclose(found, [3.0, -1.0, 0.25])


def test_task_on_which_expert_and_random_are_equal_has_no_score():
    found = score(np.array([3.0, 3.0]), np.array([2.0, 0.0]), np.array([2.0, 6.0]))
    np.testing.assert_array_equal(found, [np.nan, 0.5])


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([7], 7),
        ([1, 2, 9], 4),  # a quarter of three is nobody
        ([0, 1, 2, 100], 1.5),
        ([-100, 1, 2, 3, 4, 5, 6, 100], 3.5),
        ([[-100, 1, 2, 3], [4, 5, 6, 100]], 3.5),
    ],
)
def test_iqm_by_hand(scores, expected):
    assert iqm(scores) == expected


@given(lists, st.randoms(use_true_random=False), st.floats(0.1, 10), numbers)
def test_iqm_ignores_order_and_follows_scaling(scores, random, factor, offset):
    shuffled = random.sample(scores, len(scores))
    assert iqm(shuffled) == iqm(scores)  # to the last digit: boards are compared by it
    assert iqm(scores) == pytest.approx(stats.trim_mean(scores, 0.25), rel=1e-9, abs=1e-9)
    moved = [factor * value + offset for value in scores]
    assert iqm(moved) == pytest.approx(factor * iqm(scores) + offset, rel=1e-9, abs=1e-6)
    assert min(scores) - 1e-9 <= iqm(scores) <= max(scores) + 1e-9


@given(st.lists(numbers, min_size=4, max_size=30), st.floats(1e4, 1e9))
def test_iqm_does_not_feel_how_bad_the_worst_is(scores, disaster):
    low, lower = (iqm([*scores[1:], -1e4 - by]) for by in (0, disaster))
    assert low == lower


def test_iqm_of_missing_scores_is_missing():
    """A NaN must not pass for the highest score, which is trimmed."""
    assert np.isnan(iqm([]))
    assert np.isnan(iqm([0.1, 0.2, 0.3, 0.4, np.nan]))


def test_too_few_runs_have_no_interval():
    assert MIN_RUNS_FOR_INTERVAL == 3
    assert bootstrap_interval({"a": runs(2)}, rng()) is None
    assert bootstrap_interval({"a": runs(5), "b": runs(2)}, rng()) is None
    assert bootstrap_interval({}, rng()) is None


def test_interval_comes_from_the_generator_given():
    strata = {"a": runs(4), "b": runs(3, seed=2)}
    one, same, other = (
        bootstrap_interval(strata, rng(seed), num_resamples=200) for seed in (3, 3, 4)
    )
    assert one == same
    assert one != other


@settings(max_examples=20)
@given(st.floats(0.1, 10), st.floats(-10, 10))
def test_interval_follows_scaling(factor, offset):
    low, high = bootstrap_interval({"a": runs(4)}, rng(), num_resamples=50)
    moved = {"a": [factor * run + offset for run in runs(4)]}
    expected = (factor * low + offset, factor * high + offset)
    assert bootstrap_interval(moved, rng(), num_resamples=50) == pytest.approx(expected, abs=1e-6)


def test_interval_surrounds_the_statistic():
    strata = {"a": runs(5), "b": runs(5, seed=2)}
    low, high = bootstrap_interval(strata, rng())
    assert low < iqm(np.concatenate([*strata["a"], *strata["b"]])) < high


def test_whole_runs_are_resampled():
    """Tasks within a run differ much, runs do not: nothing is uncertain about the mean."""
    same = [np.array([0.0, 100.0])] * 4
    assert bootstrap_interval({"a": same}, rng(), statistic=np.mean) == (50.0, 50.0)
    low, high = bootstrap_interval({"a": [np.full(2, i) for i in range(4)]}, rng())
    assert low < 1 < 2 < high


def test_resampling_stays_within_a_stratum():
    """Families differ much, runs of one family do not: again nothing is uncertain."""
    strata = {"easy": [np.ones(2)] * 3, "hard": [np.zeros(2)] * 3}
    assert bootstrap_interval(strata, rng(), statistic=np.mean) == (0.5, 0.5)


def test_interval_covers_95_percent():
    """Of 300 means of normal samples of 20 runs about 93 % are covered (few runs: a bit less)."""
    draws = rng(5).normal(size=(300, 20, 1))
    covered = 0
    for i, sample in enumerate(draws):
        found = bootstrap_interval({"a": list(sample)}, rng(i), statistic=np.mean, num_resamples=99)
        covered += found[0] < 0 < found[1]
    assert 0.88 < covered / 300 < 0.98
