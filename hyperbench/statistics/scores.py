"""Single numbers made of returns and scores.

Each is the same to the last digit in whatever order the scores come, and NaN of nothing and where a
score is missing (NaN): what is missing must not pass for a value, or be left out unseen.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_ROUNDING = 1e-9
"""Share of a return that sums of rewards may differ by though they mean the same."""


def score(returns: Array, random: Array, expert: Array) -> Array:
    """Rescale returns so that the random policy scores 0 and the expert 1 on the same task.

    Not clipped: a policy may be worse than random or better than the expert. NaN where the expert
    earns no more than random: such a task cannot tell policies apart, or would reward the worse.

    Args:
        returns: mean returns, any shape.
        random: the random policy's, broadcastable to it.
        expert: the expert's, broadcastable to it.
    """
    span = np.where(expert > random, expert - random, np.nan)
    return (returns - random) / span


def earns_more(expert: Array, random: Array) -> npt.NDArray[np.bool_]:
    """On which tasks an expert earns more than random actions, beyond the noise of the episodes.

    Its mean gain is then above one standard error of itself, over pairs of episodes that start
    alike; and, where all episodes agree or there is but one, above what rounding comes to.

    Args:
        expert: returns (num_tasks, num_episodes).
        random: returns of the same episodes.

    Returns:
        (num_tasks,).
    """
    gain = expert - random
    num_episodes = gain.shape[1]
    noise = _ROUNDING * np.maximum(np.abs(expert), np.abs(random)).mean(axis=1)
    if num_episodes > 1:
        noise = np.maximum(noise, gain.std(axis=1, ddof=1) / np.sqrt(num_episodes))
    return np.asarray(gain.mean(axis=1) > noise)


def ends_of_scale(
    random: Array, expert: Array
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The mean returns that count as 0 and as 1 of each task.

    Args:
        random: returns (num_tasks, num_episodes).
        expert: returns of the same episodes.

    Returns:
        (num_tasks,) each; 1 is NaN where it is not told from 0, as of ``earns_more``.
    """
    clear = earns_more(expert, random)
    return random.mean(axis=1), np.where(clear, expert.mean(axis=1), np.nan)


def t_interval(values: npt.ArrayLike) -> tuple[float, float] | None:
    """Student's 95 % interval of the mean of independent values; None of fewer than two."""
    from scipy import stats  # late: it takes longer than all else here

    found = _ordered(values)
    if found.size < 2:
        return None
    half = stats.t.ppf(0.975, found.size - 1) * stats.sem(found)
    return float(found.mean() - half), float(found.mean() + half)


def iqm(scores: npt.ArrayLike) -> float:
    """Interquartile mean: the mean of the middle half (Agarwal et al. 2021)."""
    ordered = _ordered(scores)
    num_trimmed = ordered.size // 4
    return _mean(ordered[num_trimmed : ordered.size - num_trimmed])


def mean(scores: npt.ArrayLike) -> float:
    """Arithmetic mean."""
    return _mean(_ordered(scores))


def clipped_mean(scores: npt.ArrayLike) -> float:
    """Arithmetic mean of scores that count as 0 below 0 and as 1 above 1.

    It feels every score that can be told from random and expert, the worst as the best, and no
    excess makes up for a failure. Of scores above 0 it is one minus their ``optimality_gap``.
    """
    return _mean(np.clip(_ordered(scores), 0, 1))


def median(scores: npt.ArrayLike) -> float:
    """The middle score, or the mean of the two in the middle."""
    ordered = _ordered(scores)
    return _mean(ordered[(ordered.size - 1) // 2 : ordered.size // 2 + 1])


def optimality_gap(scores: npt.ArrayLike, target: float = 1.0) -> float:
    """How far scores fall short of a target on average (Agarwal et al. 2021); 0 is best.

    What lies above the target does not make up for what lies below.
    """
    return _mean(np.maximum(target - _ordered(scores), 0))


def _ordered(scores: npt.ArrayLike) -> Array:
    """All scores in ascending order; none where one of them is missing."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64), axis=None)
    return ordered if ordered.size and not np.isnan(ordered[-1]) else ordered[:0]


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else float("nan")
