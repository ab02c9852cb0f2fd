"""Pairs, proportions and curves, against scipy, rliable and numbers worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hyperbench.statistics import (
    difference_interval,
    draw_counts,
    p_value,
    paired_interval,
    performance_profile,
    probability_of_improvement,
    proportion_interval,
    resample_mean,
    score_by_distance,
    wilson_interval,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def pairs(num, num_tasks=6, gain=0.1, seed=1):
    """Pairs with a common effect of the run, and a gain of the one method."""
    draws = rng(seed)
    shared = draws.normal(0, 1, (num, num_tasks, 1))
    return list(shared + draws.normal(0, 0.05, (num, num_tasks, 2)) + [gain, 0])


@given(st.integers(1, 200), st.data())
def test_wilson_is_scipys(num_trials, data):
    num_good = data.draw(st.integers(0, num_trials))
    found = wilson_interval(num_good / num_trials, num_trials)
    expected = stats.binomtest(num_good, num_trials).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_alike_trials_of_a_run_say_as_little_as_one():
    """With every run all good or all bad, the interval is that of the runs, or wider."""
    rates = [1, 1, 0, 1, 1, 1, 0, 1, 1, 1]
    one_each, many_each = (
        proportion_interval({"a": [np.full(num, float(rate)) for rate in rates]})
        for num in (1, 100)
    )
    np.testing.assert_allclose(many_each[1], one_each[1])
    low, high = wilson_interval(0.8, 10)
    assert one_each[0] == many_each[0] == 0.8
    assert many_each[1][0] < low < high < many_each[1][1]


def test_independent_trials_count_in_full():
    """Runs alike, trials within them not: as many trials as there are."""
    run = np.array([1.0, 1.0, 1.0, 0.0])
    _, (low, high) = proportion_interval({"a": [run] * 50})
    np.testing.assert_allclose((low, high), wilson_interval(0.75, 200), atol=0.003)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_an_interval_at_the_end_is_not_a_point(rate):
    _, (low, high) = proportion_interval({"a": [np.full(20, rate)] * 5})
    assert 0.1 < high - low < 0.4
    assert rate in (low, high)


def test_proportion_of_too_few_runs_has_no_interval():
    assert proportion_interval({"a": [np.array([1.0, 0.0])] * 2}) == (0.5, None)
    assert proportion_interval({})[1] is None


def test_proportion_interval_covers_95_percent():
    """Rates that differ from run to run: trials of a run are alike."""
    draws, covered = rng(3), 0
    for _ in range(1000):
        rates = draws.beta(4, 2, (2, 5))
        runs = {str(i): list(draws.binomial(1, [rates[i]] * 28).T * 1.0) for i in range(2)}
        _, (low, high) = proportion_interval(runs)
        covered += low < 4 / 6 < high
    assert covered / 1000 == pytest.approx(0.95, abs=0.025)


def test_difference_of_pairs():
    """Runs differ by 1, the methods by 0.1 in each: that is seen because runs are paired."""
    low, high = difference_interval({"a": pairs(5)}, rng(), statistic=resample_mean)
    assert 0.05 < low < 0.1 < high < 0.15
    swapped = {"a": [pair[:, ::-1] for pair in pairs(5)]}
    turned = difference_interval(swapped, rng(), statistic=resample_mean)
    assert turned == pytest.approx((-high, -low), rel=0.1)


def test_difference_of_too_few_pairs_has_no_interval():
    assert difference_interval({"a": pairs(5), "b": pairs(2)}, rng()) is None


@settings(max_examples=20)
@given(st.permutations(range(5)))
def test_difference_ignores_the_order_of_pairs(order):
    found = pairs(5)
    expected = difference_interval({"a": found}, rng(), num_resamples=50)
    moved = {"a": [found[i] for i in order]}
    assert difference_interval(moved, rng(), num_resamples=50) == expected


ONE = [[0.70, 0.79, 0.62, 0.43], [0.56, 0.40, 0.72, 1.10], [0.55, 0.51, 0.85, 0.81]]
ONE += [[0.73, 0.42, 0.69, 0.91], [0.30, 0.56, 0.13, 0.31]]
OTHER = [[0.05, 0.53, 0.22, 0.68], [0.65, 0.54, -0.16, 0.44], [0.59, 0.63, 0.14, 0.46]]
OTHER += [[0.31, 0.36, 0.92, 0.36], [0.59, 0.87, 0.42, 0.57]]


def test_probability_of_improvement_over_all_combinations_is_rliables():
    """rliable.metrics.probability_of_improvement (1.2.0) answers 0.58; it pairs all with all."""
    everyone = [np.column_stack([one, other]) for one in ONE for other in OTHER]
    assert probability_of_improvement({"a": everyone})[0] == pytest.approx(0.58)


def test_probability_of_improvement_by_hand():
    pair = np.array([[1, 0], [0, 1], [2, 1], [5, 5.0]])
    probability, interval = probability_of_improvement({"a": [pair] * 4})
    assert probability == (1 + 0 + 1 + 0.5) / 4
    assert interval[0] < probability < interval[1]
    assert probability_of_improvement({"a": [pair[:, ::-1]] * 4})[0] == 1 - probability
    assert probability_of_improvement({"a": [pair] * 2}) == (probability, None)


def test_probability_of_a_missing_score_is_missing():
    pair = np.array([[1, 0], [np.nan, 1]])
    probability, interval = probability_of_improvement({"a": [pair] * 4})
    assert np.isnan(probability)
    assert interval is None


def test_p_value_of_one_familys_mean_is_the_paired_t_tests():
    """With resamples without end; 20 000 leave half a percent of the deviation."""
    one, other = rng(1).normal(0.5, 0.1, (2, 6, 1))
    counts = draw_counts([6], rng(), 20_000)
    found = p_value(resample_mean([list(one)], counts), resample_mean([list(other)], counts))
    expected = stats.ttest_rel(one[:, 0], other[:, 0]).pvalue
    assert 0.01 < found == pytest.approx(expected, rel=0.05)


@settings(max_examples=20)
@given(st.floats(-0.1, 0.1), st.integers(3, 6))
def test_p_value_is_below_5_percent_where_the_interval_leaves_0_out(gain, num):
    one, other = rng(1).normal(0.5, 0.05, (2, num, 4))
    counts = draw_counts([num], rng(), 200)
    both = resample_mean([list(one + gain)], counts), resample_mean([list(other)], counts)
    low, high = paired_interval(*both)
    assert (p_value(*both) < 0.05) == (low > 0 or high < 0)


def test_performance_profile_counts_scores_above():
    """As rliable.library.run_score_deviation: above, not at, the threshold."""
    thresholds = np.array([-1, 0.5, 0.56, 0.9, 2])
    shares, (low, high) = performance_profile({"a": [np.array(run) for run in ONE]}, thresholds)
    np.testing.assert_allclose(shares, [1, 14 / 20, 10 / 20, 2 / 20, 0])
    assert ((low <= shares) & (shares <= high)).all()
    assert (high - low > 0.1).all(), "also where all or none are above"
    assert (np.diff(shares) <= 0).all()


def test_performance_profile_of_few_runs_or_missing_scores_has_no_band():
    runs = [np.array(run) for run in ONE]
    assert performance_profile({"a": runs[:2]}, np.zeros(1))[1] is None
    runs[0][0] = np.nan
    shares, band = performance_profile({"a": runs}, np.zeros(2))
    assert np.isnan(shares).all()
    assert band is None


def test_score_by_distance_by_hand():
    """Score falls with distance; each bin has its own mean and spread between runs."""
    distances = np.repeat([0.0, 1.0, 2.0, 3.0], 5)
    runs = [np.column_stack([distances, 0.9 - distances / 4 + 0.01 * i]) for i in (-1, 0, 1)]
    bins = score_by_distance({"a": runs}, rng(), num_bins=4)
    assert sum(found.num_scores for found in bins) == 60
    assert [found.mean for found in bins] == pytest.approx([0.9, 0.65, 0.4, 0.15][: len(bins)])
    assert bins[0].low == 0
    assert bins[-1].high == 3
    for found in bins:
        assert found.interval[0] < found.mean < found.interval[1]


def test_score_by_distance_where_few_runs_have_a_distance():
    far, near = np.array([[5.0, 0.1]]), np.array([[0.0, 0.9]])
    both = np.concatenate([near, far])
    bins = score_by_distance({"a": [near, near, both]}, rng(), num_bins=4)
    assert [(found.num_scores, found.interval is None) for found in bins] == [(3, False), (1, True)]


def test_score_by_distance_of_nothing_and_of_one_distance():
    assert score_by_distance({}, rng()) == []
    (found,) = score_by_distance({"a": [np.array([[0.5, 0.3]])] * 3}, rng())
    assert (found.low, found.high, found.num_scores, found.mean) == (0.5, 0.5, 3, 0.3)
