"""Where runs agree, their number still says how sure a rate, a share or a difference is."""

from dataclasses import replace

import numpy as np
import pytest

from hyperbench.boards.comparison import compare
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.records.find import find_runs
from hyperbench.statistics import (
    difference_interval,
    performance_profile,
    probability_of_improvement,
    proportion_interval,
    resample_mean,
)

SEEDS = range(5)
PROTOCOL = EvalProtocol(
    id="test-v1", summary="for tests", seeds=tuple(SeedPair(split=i, fit=i) for i in SEEDS)
)
SOLVED, FAILED = np.ones(20), np.zeros(20)
EASY_AND_HARD = {"easy": [SOLVED] * 3, "hard": [FAILED] * 3}


def rng():
    return np.random.default_rng(0)


def first(num, num_trials=33):
    return (np.arange(num_trials) < num).astype(float)


def test_a_family_solved_and_another_not_are_known_well():
    """The interval was [0.004, 0.996]."""
    rate, (low, high) = proportion_interval(EASY_AND_HARD)
    assert rate == 0.5
    assert 0.33 < low < 0.4 < 0.6 < high < 0.67


def test_one_success_more_tells_no_less():
    """The interval became three times narrower."""
    _, (low, high) = proportion_interval(EASY_AND_HARD)
    hard = [FAILED, FAILED, first(1, 20)]
    rate, (one_low, one_high) = proportion_interval(EASY_AND_HARD | {"hard": hard})
    assert one_low < rate < one_high
    assert one_high - one_low == pytest.approx(high - low, rel=0.15)


def test_equal_runs_of_one_family_are_known_well_whatever_they_count():
    """For 30 of 32 counts the interval was all there is: their means differ in the last digit."""
    ends = np.array([proportion_interval({"a": [first(num)] * 3})[1] for num in range(34)])
    assert (np.diff(ends, axis=1) < 0.55).all()
    assert (np.diff(ends[1:-1], axis=0) > 0).all(), "more successes, a higher interval"
    np.testing.assert_allclose(ends, 1 - ends[::-1, ::-1], atol=1e-12)


def test_a_failure_among_many_successes_makes_no_narrow_interval_of_a_wide_one():
    """28 of 28 in five runs: 23 points wide; one failure less, and it was 7."""
    all_good, one_bad = (
        proportion_interval({"a": [np.ones(28)] * 4 + [first(num, 28)]})[1] for num in (28, 27)
    )
    assert np.diff(one_bad)[0] > np.diff(all_good)[0] / 2


def test_the_kind_improvement_and_profiles():
    better, worse = np.column_stack([SOLVED, FAILED]), np.column_stack([FAILED, SOLVED])
    probability, (low, high) = probability_of_improvement({"a": [better] * 3, "b": [worse] * 3})
    assert probability == 0.5
    assert 0.33 < low < 0.4 < 0.6 < high < 0.67
    shares, (lows, highs) = performance_profile(EASY_AND_HARD, np.array([-1.0, 0.5, 1.0]))
    np.testing.assert_array_equal(shares, [1, 0.5, 0])
    assert (highs - lows < 0.4).all()


@pytest.mark.parametrize("resample", [None, resample_mean])
def test_a_small_difference_that_is_the_same_everywhere_is_not_sure(resample):
    """The interval was [0.010, 0.010]; three runs that agree do not know a fourth."""
    options = {} if resample is None else {"statistic": resample}
    pair = np.column_stack([np.full(20, 1.0), np.full(20, 0.99)])
    low, high = difference_interval({"a": [pair] * 3}, rng(), **options)
    assert -0.6 < low < 0 < 0.01 < high < 0.6
    more = {str(family): [pair] * 10 for family in range(9)}
    low, high = difference_interval(more, rng(), **options)
    assert -0.03 < low < 0.01 < high < 0.05


def test_no_difference_is_lost_to_rounding():
    for amount in np.linspace(0, 1, 21):
        for num_tasks in (1, 3, 28):
            pair = np.column_stack([np.full(num_tasks, 1.0), np.full(num_tasks, 1 - amount)])
            low, high = difference_interval(
                {"a": [pair] * 5, "b": [pair] * 3}, rng(), num_resamples=9
            )
            assert low < amount < high


def test_a_large_difference_that_is_the_same_everywhere_is_sure():
    pair = np.column_stack([SOLVED, FAILED])
    low, high = difference_interval({"a": [pair] * 3}, rng())
    assert 0 < low < 1 < high


@pytest.fixture
def saturated(write_run, make_record):
    """Runs of a world whose episodes end at success, or not: 8 tasks, the same in every run."""

    def write(ends_at_success, **num_solved):
        info = replace(make_record().family_info, ends_at_success=ends_at_success)
        for method, num in {"random": 0, "expert": 8, **num_solved}.items():
            solved = first(num, 8) if num == int(num) else np.full(8, num / 8)
            for seed in SEEDS:
                write_run(
                    method,
                    solved,
                    protocol=PROTOCOL,
                    split_seed=seed,
                    fit_seed=seed,
                    is_arm=method in ("random", "expert"),
                    successes=(solved == 1)[:, None],
                    family_info=info,
                )

    return write


@pytest.mark.parametrize("ends_at_success", [False, True])
def test_a_rank_is_not_decided_by_runs_that_agree_alone(saturated, board_of, ends_at_success):
    """Of scores (0.99 throughout) as of successes (7 of 8 in each run)."""
    saturated(ends_at_success, best=8, close=7 if ends_at_success else 7.92, worst=0)
    _, rows = board_of()
    assert [rows[name]["rank"].value for name in ("best", "close", "worst")] == [1, 1, 3]
    assert rows["expert"]["score"].interval == (1.0, 1.0), "by definition"


def test_compare_says_how_little_is_known(saturated, tmp_path):
    saturated(False, best=8, close=7.92)
    (found,) = compare(find_runs([tmp_path / "runs"]), "best", "close")
    (line,) = found.comparisons
    low, high = line.difference_interval
    assert line.difference == pytest.approx(0.01)
    assert low < 0 < high


def test_the_success_of_a_board_where_runs_agree(saturated, board_of):
    """It was "random 0.004 [0.000, 1.000]", and of six in eight [0.000, 1.000] too."""
    saturated(True, some=6, few=1)
    _, rows = board_of()
    for name in ("random", "few", "some"):
        low, high = rows[name]["success_rate"].interval
        assert low <= rows[name]["success_rate"].value <= high
        assert high - low < 0.75
