"""Ranks of learned methods among each other: on the whole board, and family by family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from hyperbench import statistics
from hyperbench.boards.headline import Headline
from hyperbench.boards.method_runs import MethodRuns
from hyperbench.boards.row import Estimate, Row
from hyperbench.boards.statistic import BY_NAME

_LEVEL = 0.05
"""Chance to put any two methods apart that are alike."""


def with_ranks(methods: Sequence[MethodRuns], headline: Headline) -> list[MethodRuns]:
    """Rank methods among each other; controls know more or less than a method may and have no rank.

    Nor has a method of which runs failed or are missing. Two share a rank where they cannot be told
    apart, with Holm's correction for all pairs of methods that are ranked.

    Args:
        methods: one for each row of a board.
        headline: what ranks them.
    """
    taking_part = [
        i
        for i, method in enumerate(methods)
        if not method.is_control
        and method.is_whole
        and BY_NAME[headline.name].value(method) is not None
    ]
    found = list(methods)
    ranks = _ranks([methods[i] for i in taking_part], headline)
    mean_ranks = _mean_ranks([methods[i] for i in taking_part], headline)
    for i, rank, mean_rank in zip(taking_part, ranks, mean_ranks, strict=True):
        found[i] = replace(methods[i], rank=rank, mean_rank=mean_rank)
    return found


def rank_notes(rows: Sequence[Row]) -> tuple[str, ...]:
    """What a reader must know of a board's ranks: how many comparisons they are made of."""
    num_ranked = sum(row["rank"].value is not None for row in rows)
    num_pairs = num_ranked * (num_ranked - 1) // 2
    if not num_pairs:
        return ()
    if num_pairs == 1:
        return ("Ranks: one pair of methods is compared, so no correction is needed.",)
    return (
        f"Ranks: {num_ranked} methods are compared in {num_pairs} pairs, with Holm's correction "
        "for their number: the chance that any two that are alike are told apart is at most 5 %.",
    )


def _ranks(methods: Sequence[MethodRuns], headline: Headline) -> list[int | None]:
    """Each method's rank, none where runs are too few."""
    # All are whole: they have the same runs, and resamples of the same.
    resampled = [method.resampled(headline.quantity, headline.resample) for method in methods]
    pairs = {
        (i, j): statistics.p_value(one, other)
        for (i, one), (j, other) in combinations(enumerate(resampled), 2)
        if one is not None and other is not None
    }
    adjusted = dict(zip(pairs, statistics.holm(list(pairs.values())), strict=True))

    def beats(i: int, j: int) -> bool:
        return adjusted[min(i, j), max(i, j)] < _LEVEL

    scores = [None if found is None else float(found.estimate) for found in resampled]
    return statistics.ranks(scores, beats)


def _mean_ranks(methods: Sequence[MethodRuns], headline: Headline) -> list[Estimate]:
    """Each method's mean rank over families, where there are several methods and families."""
    parts = [method.strata(headline.quantity) for method in methods]
    families = list(parts[0]) if parts else []
    if len(methods) < 2 or len(families) < 2:
        return [Estimate()] * len(methods)
    values = [
        np.array([[headline.summarise(run) for run in of_method[family]] for of_method in parts])
        for family in families
    ]
    return [
        Estimate(mean, *(interval or (None, None)))
        for mean, interval in statistics.mean_ranks(values)
    ]
