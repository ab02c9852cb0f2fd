"""Successive halving: many settings are judged by little, the best of them by more.

After Karnin, Koren and Somekh (2013) and Jamieson and Talwalkar (2016); what grows from round to
round is not the budget of a fit but the number of families and splits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hyperbench.errors import HyperbenchError
from hyperbench.statistics import t_interval
from hyperbench.tuning.study import Study, Trial

_ROUND = re.compile(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)")
_EXAMPLE = "24x2x1,6x5x1,2x5x3"
_AS_CHEAP = 1.2
"""Times the least time of a fit: settings of one size differ by as much on a busy machine."""


@dataclass(frozen=True)
class Round:
    """How many settings are judged, and by how much.

    Args:
        num_settings: with the defaults in the first round, beside the defaults in later ones.
        num_families: the first of those that were asked for.
        num_splits: the first of the study's.
    """

    num_settings: int
    num_families: int
    num_splits: int

    def __str__(self) -> str:
        return f"{self.num_settings}x{self.num_families}x{self.num_splits}"


def read_rounds(text: str) -> tuple[Round, ...]:
    """Read ``24x2x1,6x5x1,2x5x3``: settings, families and splits of each round.

    Args:
        text: as typed.

    Raises:
        HyperbenchError: it is something else, or a round does not judge fewer settings by as much
            as the one before.
    """
    found = [_ROUND.fullmatch(part.strip()) for part in text.split(",")]
    rounds = tuple(Round(*map(int, match.groups())) for match in found if match)
    if len(rounds) < len(found):
        raise HyperbenchError(
            f"--halving takes settings x families x splits of each round, such as {_EXAMPLE}; "
            f"found {text!r}."
        )
    for one, other in pairwise(rounds):
        fewer = other.num_settings < one.num_settings
        grows = other.num_families >= one.num_families and other.num_splits >= one.num_splits
        if not (fewer and grows):
            raise HyperbenchError(
                f"--halving {text}: after {one} a round has fewer settings, and no fewer families "
                f"or splits; found {other}."
            )
    return rounds


def entrants(study: Study, rounds: Sequence[Round], number: int) -> list[int]:
    """The trials of a round: all of the first one; later the best so far, and the defaults.

    The next best takes the place of one that fails in the round.

    Args:
        study: whose earlier rounds are done.
        rounds: all of them.
        number: which, from 0.
    """
    if number == 0:
        return list(range(rounds[0].num_settings))
    before = cases_of(study, rounds[number - 1])
    means = {i: study.trials[i].mean(before) for i in entrants(study, rounds, number - 1)}
    # The defaults always go on: whatever replaces them is to be compared with them.
    others = [i for i, mean in means.items() if i and mean is not None]
    here = cases_of(study, rounds[number])
    sound = [i for i in others if not study.trials[i].failed(here)]
    best = sorted(sound, key=lambda i: -(means[i] or 0.0))
    return [0, *sorted(best[: rounds[number].num_settings])]


def unfinished(study: Study, rounds: Sequence[Round], number: int) -> list[int]:
    """The trials of a round that were not yet judged by all of it; arguments as of ``entrants``."""
    here = cases_of(study, rounds[number])
    return [
        i
        for i in entrants(study, rounds, number)
        if i >= len(study.trials) or study.trials[i].missing(here)
    ]


def cases_of(study: Study, round_: Round) -> list[int]:
    """Positions of the families and splits that a round judges by."""
    families = study.families[: round_.num_families]
    splits = {pair.split for pair in study.protocol.seeds[: round_.num_splits]}
    return [
        i for i, (family, split) in enumerate(study.cases) if family in families and split in splits
    ]


@dataclass(frozen=True)
class Verdict:
    """What a study says when its last round is done.

    Args:
        best: the trial with the highest mean.
        chosen: the best of the cheapest among those that are not told from the best one, which take
            as long as the cheapest or up to a fifth longer; often the best itself.
        close: the trials that are not told from the best one, which is among them.
    """

    best: Trial
    chosen: Trial
    close: tuple[Trial, ...]


def verdict(study: Study, rounds: Sequence[Round]) -> Verdict | None:
    """Say which settings are best, and whether cheaper ones are as good; None if all failed."""
    last = cases_of(study, rounds[-1])
    trials = [study.trials[i] for i in entrants(study, rounds, len(rounds) - 1)]
    done = [trial for trial in trials if trial.mean(last) is not None]
    if not done:
        return None
    best = max(done, key=lambda trial: trial.mean(last) or 0.0)
    close = tuple(trial for trial in done if trial is best or _level(best, trial, last))
    least = min(trial.seconds(last) for trial in close)
    cheap = [trial for trial in close if trial.seconds(last) <= _AS_CHEAP * least]
    return Verdict(best, max(cheap, key=lambda trial: trial.mean(last) or 0.0), close)


def difference(
    one: Trial, other: Trial, cases: Collection[int]
) -> tuple[float, float, float] | None:
    """How much better one trial is than another: mean, and its 95 % t interval, paired by case.

    Args:
        one: judged by all cases.
        other: likewise.
        cases: positions of families and splits in the study.

    Returns:
        Mean, low and high; None of a single case, which says nothing about how far another would
        be from it.
    """
    differences = np.subtract(one.scores(cases), other.scores(cases))
    interval = t_interval(differences)
    return None if interval is None else (float(differences.mean()), *interval)


def _level(best: Trial, other: Trial, cases: Collection[int]) -> bool:
    """Whether the best is not told from another; by a single case the better one is."""
    found = difference(best, other, cases)
    return best.mean(cases) == other.mean(cases) if found is None else found[1] <= 0
