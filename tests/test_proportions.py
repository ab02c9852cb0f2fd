"""How often intervals of proportions cover what endless runs would have: also where runs agree."""

import numpy as np
import pytest
from scipy import stats

from hyperbench.statistics import (
    performance_profile,
    probability_of_improvement,
    proportion_interval,
)

NUM_TRIALS = 28
SOLVED_AND_NOT = (1.0, 0.5, 0.0)
RATES = [
    (0.5,),
    (0.8,),
    (0.95,),
    (0.99,),
    (1.0,),
    (1.0, 0.0),
    (1.0, 0.02),
    SOLVED_AND_NOT,
    (1.0, 1.0, 0.95),
    (0.95,) * 3,
    (0.99,) * 3,
    (0.5,) * 9,
    (0.99,) * 9,
    (*(1.0,) * 8, 0.9),
    (*(1.0,) * 4, *(0.0,) * 4, 0.5),
    tuple(np.linspace(0.1, 0.9, 9)),
]
"""Of each family."""


def coverage(rates, num_runs, correlation, num_samples):
    """Share of simulated boards whose interval covers the mean of the rates.

    A run has a rate of its own, drawn from a beta distribution around the family's, so that its
    trials are correlated.
    """
    draws = np.random.default_rng(num_runs)

    def runs_of(rate):
        own = np.full((num_runs, num_samples), rate)
        if 0 < rate < 1 and correlation:
            prior = 1 / correlation - 1
            own = draws.beta(rate * prior, (1 - rate) * prior, own.shape)
        return [(draws.random((NUM_TRIALS, num_samples)) < run).astype(float) for run in own]

    runs = {str(i): runs_of(float(rate)) for i, rate in enumerate(rates)}
    _, (low, high) = proportion_interval(runs)
    truth = np.mean(rates)
    return float(((low <= truth + 1e-9) & (truth - 1e-9 <= high)).mean())


@pytest.mark.parametrize("rates", RATES, ids=str)
def test_interval_of_five_runs_covers_95_percent(rates):
    assert coverage(rates, 5, 0.1, num_samples=400) > 0.93


@pytest.mark.thorough
@pytest.mark.parametrize("rates", RATES, ids=str)
def test_interval_covers_95_percent_or_little_less(rates):
    """What falls short are ten runs with the strongest correlation, where rates are near 1."""
    found = {
        (num_runs, correlation): coverage(rates, num_runs, correlation, num_samples=4000)
        for num_runs in (3, 5, 10)
        for correlation in (0, 0.1, 0.3)
    }
    assert min(found.values()) > 0.89
    assert min(share for (num_runs, _), share in found.items() if num_runs < 10) > 0.925


def latent(draws, num_runs, levels):
    """Per family runs of normal numbers of variance 1 around its level, a fifth of it the run's."""
    return {
        str(i): [
            level + draws.normal(0, 0.2**0.5) + draws.normal(0, 0.8**0.5, NUM_TRIALS)
            for _ in range(num_runs)
        ]
        for i, level in enumerate(levels)
    }


@pytest.mark.parametrize("num_runs", [3, 5])
@pytest.mark.parametrize("gains", [(0.0,), (2.0,), (9.0, -9.0), (9.0, 0.0, -9.0), (9.0, 9.0, 1.5)])
def test_probability_of_improvement_covers(num_runs, gains):
    """Also where the one method is always better on one family, and never on another."""
    draws, covered, num_samples = np.random.default_rng(7), 0, 200
    truth = stats.norm.cdf(gains).mean()
    for _ in range(num_samples):
        found = latent(draws, num_runs, gains)
        pairs = {
            name: [np.column_stack([run, np.zeros(NUM_TRIALS)]) for run in runs]
            for name, runs in found.items()
        }
        _, (low, high) = probability_of_improvement(pairs)
        covered += low <= truth <= high
    assert covered / num_samples > 0.92


@pytest.mark.parametrize("num_runs", [3, 5])
def test_bands_of_profiles_cover(num_runs):
    """Scores saturate at 1: one family is solved, one out of reach, one between."""
    levels, thresholds = (9.0, 0.5, -9.0), np.array([-20.0, -1.0, 0.0, 0.99, 1.0])
    truth = np.mean([stats.norm.sf(thresholds - level) for level in levels], axis=0)
    truth[-1] = 0
    draws, covered, num_samples = np.random.default_rng(7), np.zeros(len(thresholds)), 200
    for _ in range(num_samples):
        found = latent(draws, num_runs, levels)
        runs = {name: [np.minimum(run, 1.0) for run in runs] for name, runs in found.items()}
        _, (low, high) = performance_profile(runs, thresholds)
        covered += (low <= truth) & (truth <= high)
        assert (high - low < 0.6).all()
    assert (covered / num_samples > 0.92).all()
