"""Agreement: when two measurements of one run are the same, whoever compares them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hyperbench.provenance import Provenance
from hyperbench.records.store import EPISODES, StoredRun

ELSEWHERE_TOLERANCE = 1e-4
"""Relative difference that returns may show where they were played on another machine or with
other versions: kernels round differently. With the same ones returns are equal bit for bit."""

Returns = npt.NDArray[np.float64]


def elsewhere(there: Provenance, here: Provenance) -> str | None:
    """Say in what that rounding depends on one was made elsewhere; None if in nothing."""
    if here.kernels != there.kernels:
        return f"kernels are {there.kernels}, here {here.kernels}"
    if here.machine != there.machine:
        return f"machine is {there.machine}, here {here.machine}"
    # Which ones are recorded has changed; what one of them does not say, nobody knows.
    names = sorted(here.versions.keys() & there.versions.keys())
    versions = [name for name in names if here.versions[name] != there.versions[name]]
    return f"versions differ of {', '.join(versions)}" if versions else None


def returns_differ(recorded: Returns, again: Returns, tolerance: float) -> npt.NDArray[np.bool_]:
    """Which returns are further apart than rounding explains, in the shape of both.

    Args:
        recorded: of the episodes.
        again: of the same ones, played again.
        tolerance: relative, absolute below magnitude 1.
    """
    # Written so that a recorded NaN is apart from everything.
    return ~(np.abs(again - recorded) <= tolerance * np.maximum(1.0, np.abs(recorded)))


def agree(one: StoredRun, other: StoredRun) -> bool:
    """Whether two measurements of one run gave the same, as verifying one of them would say.

    Policies to the byte; episodes too, but for returns, which may be rounded where machine or
    versions are others.

    Raises:
        DataError: episodes are missing, altered or unreadable.
    """
    results, others = one.record.results, other.record.results
    if results == others:
        return True
    if results.keys() != others.keys() or any(
        results[name] != others[name] for name in results if name != EPISODES
    ):
        return False
    is_elsewhere = elsewhere(other.record.provenance, one.record.provenance) is not None
    tolerance = ELSEWHERE_TOLERANCE if is_elsewhere else 0.0
    columns, again = one.episodes(), other.episodes()
    return columns.keys() == again.keys() and all(
        values.shape == again[name].shape
        and (
            not returns_differ(values, again[name], tolerance).any()
            if name == "return"
            else np.array_equal(values, again[name])
        )
        for name, values in columns.items()
    )
