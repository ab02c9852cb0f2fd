"""What a study tries next: settings that fill the space, then what a search proposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hyperbench.search import Choice, Range, SearchSpace, Setting

NUM_FILLING = 12
"""How many settings fill the space before the search learns from them."""


def filling(search: SearchSpace, seed: int) -> list[dict[str, Setting]]:
    """Give settings that fill the space evenly, whatever the number of them that is used.

    They are the points of a scrambled Sobol sequence (Sobol 1967, Owen 1998).

    Args:
        search: where.
        seed: of the scrambling.
    """
    from scipy.stats import qmc

    points = qmc.Sobol(len(search), rng=seed % 2**32).random_base2(NUM_FILLING.bit_length())
    return [
        {name: _at(where, x) for (name, where), x in zip(search.items(), point, strict=True)}
        for point in points[:NUM_FILLING]
    ]


def proposed(
    search: SearchSpace, tried: Sequence[tuple[dict[str, Setting], float | None]], seed: int
) -> dict[str, Setting]:
    """Ask a tree-structured Parzen estimator (Bergstra et al. 2011), told of all trials.

    Args:
        search: where.
        tried: settings, and the score that they got; None where they failed.
        seed: of the estimator.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: _distribution(where) for name, where in search.items()}
    told = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=NUM_FILLING),
    )
    # Passed over in silence, a failure would be no reason to look elsewhere.
    worst = min((score for _, score in tried if score is not None), default=0.0)
    for settings, score in tried:
        told.add_trial(
            optuna.trial.create_trial(
                params=dict(settings),
                distributions=distributions,
                value=worst if score is None else score,
            )
        )
    asked: dict[str, Setting] = told.ask(distributions).params
    return asked


def _at(where: Range | Choice, share: float) -> Setting:
    """What lies at a share, in [0, 1), of the way through."""
    if isinstance(where, Choice):
        return where.options[int(share * len(where.options))]
    whole = isinstance(where.low, int) and isinstance(where.high, int)
    # Each whole number is as wide as any other, the first and the last, too.
    low, high = (where.low - 0.5, where.high + 0.5) if whole else (where.low, where.high)
    value = low * (high / low) ** share if where.log else low + (high - low) * share
    return min(max(round(value), int(where.low)), int(where.high)) if whole else float(value)


def _distribution(where: Range | Choice) -> Any:
    from optuna import distributions

    if isinstance(where, Choice):
        return distributions.CategoricalDistribution(where.options)
    if isinstance(where.low, int) and isinstance(where.high, int):
        return distributions.IntDistribution(where.low, where.high, log=where.log)
    return distributions.FloatDistribution(where.low, where.high, log=where.log)
