"""Halving: who is in a round, and what a setting gains over the defaults."""

from types import SimpleNamespace

import pytest

from hyperbench.protocol import STANDARD
from hyperbench.tuning.halving import Round, difference, entrants, unfinished
from hyperbench.tuning.study import Fit, Trial


def test_a_gain_over_the_defaults_is_paired_and_has_an_interval() -> None:
    def judged(number: int, *scores: float) -> Trial:
        fits = {i: Fit(score=score, seconds=1.0) for i, score in enumerate(scores)}
        return Trial(number=number, settings={}, fits=fits)

    default, other = judged(0, 0.2, 0.9, 0.5), judged(1, 0.3, 1.0, 0.9)
    assert difference(other, default, [1]) is None
    mean, low, high = difference(other, default, [0, 1, 2])
    assert mean == pytest.approx(0.2)
    # Student's 4.303 for two degrees of freedom, times the standard error 0.1.
    assert (low, high) == pytest.approx((0.2 - 0.4303, 0.2 + 0.4303), abs=1e-3)


def test_the_next_best_takes_the_place_of_a_trial_that_fails_late() -> None:
    families = ("a/a-v1", "b/b-v1")
    pair = STANDARD.seeds[:1]
    study_of = SimpleNamespace(
        families=families,
        protocol=STANDARD.model_copy(update={"seeds": pair}),
        cases=[(family, pair[0].split) for family in families],
    )
    first = [0.1, 0.9, 0.8, 0.7]
    trials = [
        Trial(number=i, settings={}, fits={0: Fit(score=score, seconds=1.0)})
        for i, score in enumerate(first)
    ]
    study_of.trials = trials
    rounds = (Round(4, 1, 1), Round(2, 2, 1), Round(1, 2, 1))
    assert entrants(study_of, rounds, 1) == [0, 1, 2]
    failed = trials[1].fits | {1: Fit(seconds=1.0, error="nan")}
    trials[1] = trials[1].model_copy(update={"fits": failed})
    assert trials[1].mean([0]) == 0.9
    assert trials[1].mean([0, 1]) is None
    assert entrants(study_of, rounds, 1) == [0, 2, 3]
    assert unfinished(study_of, rounds, 0) == [], "and earlier rounds stay as they were"
