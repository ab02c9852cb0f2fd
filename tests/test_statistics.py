"""Statistics of scores, against numbers worked out by hand and properties they must have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hyperbench.statistics import (
    MIN_RUNS_FOR_INTERVAL,
    bootstrap_interval,
    clipped_mean,
    draw_counts,
    iqm,
    mean,
    median,
    optimality_gap,
    resample_clipped_mean,
    resample_iqm,
    resample_mean,
    score,
)

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


@pytest.mark.parametrize("statistic", [clipped_mean, iqm, mean, median, optimality_gap])
def test_missing_scores_make_a_statistic_missing(statistic):
    """A NaN must not pass for the highest score, which the IQM trims, nor be left out."""
    assert np.isnan(statistic([]))
    assert np.isnan(statistic([0.1, 0.2, 0.3, 0.4, np.nan]))


# Five runs of four tasks, and what rliable.metrics 1.2.0 (Agarwal et al. 2021) makes of them.
RUNS = [
    [0.70, 0.79, 0.62, 0.43],
    [0.56, 0.40, 0.72, 1.10],
    [0.55, 0.51, 0.85, 0.81],
    [0.73, 0.42, 0.69, 0.91],
    [0.30, 0.56, 0.13, 0.31],
]


@pytest.mark.parametrize(
    ("statistic", "expected"), [(mean, 0.6045), (iqm, 0.607), (optimality_gap, 0.4005)]
)
def test_statistics_are_those_of_rliable(statistic, expected):
    assert statistic(RUNS) == pytest.approx(expected, abs=1e-12)


def test_clipped_mean_by_hand():
    assert clipped_mean([-5, 0.25, 0.5, 1, 9]) == pytest.approx(2.75 / 5)


@given(lists)
def test_clipped_mean_is_one_less_the_gap_of_scores_above_0(scores):
    expected = 1 - optimality_gap(np.maximum(scores, 0))
    assert clipped_mean(scores) == pytest.approx(expected, abs=1e-12)


@given(lists, st.randoms(use_true_random=False))
def test_mean_median_and_gap_ignore_order(scores, random):
    shuffled = random.sample(scores, len(scores))
    assert mean(shuffled) == mean(scores) == pytest.approx(np.mean(scores), rel=1e-9, abs=1e-9)
    assert clipped_mean(shuffled) == clipped_mean(scores)
    assert median(shuffled) == median(scores) == pytest.approx(np.median(scores), rel=1e-9)
    assert optimality_gap(shuffled) == optimality_gap(scores) >= 0
    assert optimality_gap(scores) >= 1 - mean(scores) - 1e-9


@given(lists, numbers)
def test_optimality_gap_counts_nothing_above_its_target(scores, target):
    capped = np.minimum(scores, target)
    expected = pytest.approx(target - np.mean(capped), rel=1e-9, abs=1e-9)
    assert optimality_gap(scores, target) == expected
    assert optimality_gap(capped, target) == expected


def test_too_few_runs_have_no_interval():
    assert MIN_RUNS_FOR_INTERVAL == 3
    assert bootstrap_interval({"a": runs(2)}, rng()) is None
    assert bootstrap_interval({"a": runs(5), "b": runs(2)}, rng()) is None
    assert bootstrap_interval({}, rng()) is None


def test_a_missing_score_leaves_no_interval():
    strata = {"a": runs(5)}
    strata["a"][3][2] = np.nan
    assert bootstrap_interval(strata, rng()) is None


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


@settings(max_examples=20)
@given(st.permutations(range(5)), st.permutations(range(6)))
def test_interval_ignores_the_order_of_runs_and_tasks(order, tasks):
    found = runs(5)
    moved = {"a": [found[i][tasks] for i in order]}
    expected = bootstrap_interval({"a": found}, rng(), num_resamples=50)
    assert bootstrap_interval(moved, rng(), num_resamples=50) == expected  # to the last digit


def test_interval_surrounds_the_statistic():
    strata = {"a": runs(5), "b": runs(5, seed=2)}
    low, high = bootstrap_interval(strata, rng())
    assert low < iqm(np.concatenate([*strata["a"], *strata["b"]])) < high


def test_whole_runs_are_resampled():
    """Tasks within a run differ much, runs do not: nothing is uncertain about the mean."""
    same = [np.array([0.0, 100.0])] * 4
    assert bootstrap_interval({"a": same}, rng(), statistic=resample_mean) == (50.0, 50.0)
    low, high = bootstrap_interval({"a": [np.full(2, i) for i in range(4)]}, rng())
    assert low < 1 < 2 < high


def test_resampling_stays_within_a_stratum():
    """Families differ much, runs of one family do not: again nothing is uncertain."""
    strata = {"easy": [np.ones(2)] * 3, "hard": [np.zeros(2)] * 3}
    assert bootstrap_interval(strata, rng(), statistic=resample_mean) == (0.5, 0.5)


def test_interval_of_one_familys_mean_is_students():
    """With resamples without end; 20 000 leave half a percent."""
    means = [0.2, 0.5, 0.55, 0.7, 1.1]
    found = bootstrap_interval(
        {"a": [np.full(3, value) for value in means]},
        rng(),
        statistic=resample_mean,
        num_resamples=20_000,
    )
    expected = stats.t.interval(0.95, 4, np.mean(means), stats.sem(means))
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_interval_of_two_familys_mean_is_welchs():
    """The mean over families of few and many runs, one noisy and one not."""
    strata = {"noisy": rng(1).normal(0, 1.0, (4, 1)), "calm": rng(2).normal(0, 0.1, (8, 1))}
    low, high = bootstrap_interval(strata, rng(), statistic=resample_mean, num_resamples=20_000)
    variances = [(len(r) / 12) ** 2 * r.var(ddof=1) / len(r) for r in strata.values()]
    degrees = sum(variances) ** 2 / (variances[0] ** 2 / 3 + variances[1] ** 2 / 7)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(sum(variances))
    assert (high - low) / 2 == pytest.approx(half, rel=0.03)


@pytest.mark.parametrize(
    ("resample", "statistic"),
    [(resample_iqm, iqm), (resample_mean, mean), (resample_clipped_mean, clipped_mean)],
)
def test_resamples_are_the_statistic_of_runs_drawn(resample, statistic):
    """Also of runs that differ in length, in more than one stratum."""
    strata = [[rng(i).normal(size=3 + i) for i in range(4)], [rng(9).normal(size=5)] * 3]
    everything = [run for stratum in strata for run in stratum]
    counts = draw_counts([4, 3], rng(), num_resamples=50)
    assert (counts[:, :4].sum(axis=1) == 4).all()
    assert (counts[:, 4:].sum(axis=1) == 3).all()
    found = resample(strata, counts)
    assert found.estimate == pytest.approx(statistic(np.concatenate(everything)))
    for drawn, times in zip(found.drawn, counts.astype(int), strict=True):
        chosen = [run for run, num in zip(everything, times, strict=True) for _ in range(num)]
        assert drawn == pytest.approx(statistic(np.concatenate(chosen)))


def test_influence_is_what_a_run_changes():
    """To first order: leaving a run out of many moves the IQM by its influence."""
    runs_ = [run + 0.1 * i for i, run in enumerate(runs(40))]
    found = resample_iqm([runs_], draw_counts([40], rng(), 2))
    assert found.influences.sum() == pytest.approx(0, abs=1e-12)
    for i in (0, 20, 39):
        without = iqm(np.concatenate(runs_[:i] + runs_[i + 1 :]))
        assert found.estimate - without == pytest.approx(found.influences[i], abs=0.02)


def test_differences_of_paired_resamples():
    """What two methods share is no difference."""
    shared = rng().normal(size=(5, 1))
    noise = 0.01 * rng(1).normal(size=(2, 5, 6))
    counts = draw_counts([5], rng())
    one, other = (resample_mean([list(shared + part)], counts) for part in noise)
    low, high = (one - other).interval
    alone = one.interval
    assert 0 < high - low < 0.05 < 0.5 < alone[1] - alone[0]


def coverage(num_runs, num_families, num_samples, num_resamples, skewed=False):
    """Share of simulated boards whose interval covers the score that endless runs would have.

    Runs differ by an effect of their own, tasks by one that all runs share; each run is judged on
    28 of 40 tasks, as splits are.
    """
    world = rng(99)
    tasks = world.uniform(0.5, 0.9, (num_families, 1)) + world.normal(0, 0.15, (num_families, 40))
    draws = rng(num_runs)

    def run(family, num):
        normal, skew = draws.normal(0, 1, num), 1 - draws.exponential(1, num)
        effects = 0.08 * (skew if skewed else normal)
        chosen = draws.permuted(np.tile(tasks[family], (num, 1)), axis=1)[:, :28]
        return chosen + effects[:, None] + draws.normal(0, 0.05, (num, 28))

    truth = iqm(np.stack([run(family, 4000) for family in range(num_families)]))
    covered = 0
    for _ in range(num_samples):
        strata = {str(family): list(run(family, num_runs)) for family in range(num_families)}
        low, high = bootstrap_interval(strata, draws, num_resamples=num_resamples)
        covered += low < truth < high
    return covered / num_samples


def test_interval_of_five_runs_covers_95_percent():
    """The percentiles of the same resamples cover 82 %."""
    assert coverage(5, 1, num_samples=600, num_resamples=200) == pytest.approx(0.95, abs=0.025)


@pytest.mark.slow  # 2000 boards for each case, for a standard error of half a point: minutes
@pytest.mark.parametrize("num_families", [1, 3])
@pytest.mark.parametrize("num_runs", [3, 5, 10])
def test_interval_covers_95_percent(num_runs, num_families):
    found = coverage(num_runs, num_families, num_samples=2000, num_resamples=400)
    assert found == pytest.approx(0.95, abs=0.02)


@pytest.mark.slow  # as above
def test_interval_of_skewed_runs_covers_less_but_not_much():
    assert coverage(5, 1, num_samples=2000, num_resamples=400, skewed=True) > 0.88
