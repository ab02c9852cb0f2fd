"""Ranks, corrected p-values and mean ranks, against numbers worked out by hand and simulation."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperbench.statistics import (
    draw_counts,
    holm,
    mean_ranks,
    p_value,
    ranks,
    resample_clipped_mean,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def never(i, j):
    return False


def always(i, j):
    return True


@pytest.mark.parametrize(
    ("scores", "beats", "expected"),
    [
        ([0.2, 0.9, 0.5], always, [3, 1, 2]),
        ([0.2, 0.9, 0.5], never, [1, 1, 1]),
        ([0.9, 0.8, 0.2], lambda i, j: j == 2, [1, 1, 3]),
        ([0.9, 0.8, 0.7, 0.6], lambda i, j: (i, j) == (0, 1), [1, 2, 2, 2]),
        ([None, 0.1, None, 0.3], always, [None, 2, None, 1]),
        ([], always, []),
    ],
)
def test_ranks(scores, beats, expected):
    assert ranks(scores, beats) == expected


@given(st.lists(st.floats(-1, 2), max_size=12), st.floats(0, 1))
def test_ranks_rise_as_scores_fall_and_say_how_many_are_above(scores, margin):
    found = ranks(scores, lambda i, j: scores[i] - scores[j] > margin)
    for i, rank in enumerate(found):
        assert rank <= 1 + sum(score > scores[i] for score in scores) + scores.count(scores[i]) - 1
        for j, other in enumerate(found):
            assert not (scores[i] > scores[j] and rank > other)
            assert not (scores[i] - scores[j] > 2 * margin and rank == other)


def test_holm_by_hand():
    """Times 4, 3, 2 and 1 from the smallest on, never less than one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_none_and_bonferronis(values):
    for value, adjusted in zip(values, holm(values), strict=True):
        assert value <= adjusted <= min(1, len(values) * value)


@pytest.mark.thorough
@pytest.mark.parametrize("num_methods", [3, 8])
def test_methods_that_are_alike_are_seldom_told_apart(num_methods):
    """Without the correction some two of eight are, in six boards of ten."""
    draws, num_boards, told = rng(3), 200, np.zeros(2)
    pairs = list(combinations(range(num_methods), 2))
    for _ in range(num_boards):
        counts = draw_counts([5], draws, 400)
        split = draws.normal(0, 0.1, (5, 1)) + draws.normal(0, 0.1, 28)
        scores = 0.5 + split + draws.normal(0, 0.05, (num_methods, 5, 28))
        scores += draws.normal(0, 0.05, (num_methods, 5, 1))
        found = [resample_clipped_mean([list(runs)], counts) for runs in scores]
        values = [p_value(found[i], found[j]) for i, j in pairs]
        told += [min(values) < 0.05, min(holm(values)) < 0.05]
    raw, corrected = told / num_boards
    assert corrected < 0.09 < raw


def test_mean_ranks_by_hand():
    """The first family's second part turns two round; in the other's, two are equal."""
    values = [np.array([[3, 1.0], [2, 2.0], [1, 0.0]]), np.array([[5, 5], [5, 5], [6, 0.0]])]
    means = [mean for mean, interval in mean_ranks(values) if interval is None]
    assert means == pytest.approx([(1.5 + 2.0) / 2, (1.5 + 2.0) / 2, (3 + 2) / 2])


def test_mean_ranks_of_parts_that_agree_are_not_sure():
    few, many = (
        mean_ranks([np.tile([[3.0], [2.0], [1.0]], num_parts)] * num_families)
        for num_parts, num_families in ((3, 2), (10, 9))
    )
    assert [mean for mean, _ in few] == [1, 2, 3] == [mean for mean, _ in many]
    assert few[0][1][0] == many[0][1][0] == 1
    assert 1.05 < many[0][1][1] < 1.2 < few[0][1][1] <= 3


def test_mean_ranks_cover_95_percent():
    """Of four methods on three families, alike on one of them."""
    draws, covered, num_samples = rng(5), np.zeros(4), 200
    gaps = [np.arange(4) / 2, np.arange(4) / 2, np.zeros(4)]

    def values(num):
        return [draws.normal(0, 1, (4, num)) - gap[:, None] for gap in gaps]

    truth = [mean for mean, _ in mean_ranks(values(10_000))]
    for _ in range(num_samples):
        ends = np.array([interval for _, interval in mean_ranks(values(5))])
        covered += (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    assert covered.min() / num_samples > 0.91
