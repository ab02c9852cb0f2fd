"""The check that a fit which is interrupted goes on, and comes to the same end."""

from __future__ import annotations

import inspect
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from hyperbench.errors import contract_error
from hyperbench.generator import FitState
from hyperbench.measuring.checkpoint import StoredCheckpoint
from hyperbench.testing.method_case import Fitted, MethodCase

_KEPT = (1, 10)
"""Offers at which a state is kept and the fit goes on."""


class _Killed(BaseException):
    """Ends a fit in the middle; like a signal, it is not for a method to catch."""


class _Counting:
    """A checkpoint that counts what it is offered, and keeps some of it as a run does.

    Args:
        folder: of this state alone.
        kept: which of the offers, counted from 1.
        ends: whether the fit is killed as soon as a state was kept.
    """

    def __init__(self, folder: Path, kept: Collection[int], *, ends: bool = False) -> None:
        self._stored = StoredCheckpoint(folder, "the same fit", 0)
        self._ends, self._kept = ends, kept
        self.num_offers = 0
        self.was_asked = False

    def restore(self) -> FitState | None:
        self.was_asked = True
        return self._stored.restore()

    def offer(self, make_state: Callable[[], FitState]) -> None:
        self.num_offers += 1
        if self.num_offers in self._kept:
            self._stored.offer(make_state)
            if self._ends:
                raise _Killed


def check_fit_resumes(case: MethodCase) -> None:
    """Check that a resumable method's fit may be killed anywhere, and gives the same in the end.

    It is fitted once while some of its states are kept, then killed in the middle and again near
    its end, each time to be continued by a new generator, on what was read from disk. A method that
    does not say that it is ``resumable`` passes: its fit starts again.
    """
    if not case.method.resumable:
        return
    taken = inspect.signature(case.method.fit).parameters.values()
    if not any(p.name == "checkpoint" or p.kind is p.VAR_KEYWORD for p in taken):
        raise contract_error(
            case.name,
            "fit of a resumable method must take a checkpoint.",
            f"{', '.join(parameter.name for parameter in taken)}.",
            "Add `checkpoint: Checkpoint = no_checkpoint`, or set resumable to False.",
        )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        whole = _Counting(place / "whole", _KEPT)
        _compare(
            case,
            case.fit(checkpoint=whole),
            "when some of its states are kept",
            "Make a state without changing anything, and draw no random number for it.",
        )
        if not (whole.was_asked and whole.num_offers):
            raise contract_error(
                case.name,
                "a resumable fit must call checkpoint.restore, and checkpoint.offer at each step.",
                f"{'' if whole.was_asked else 'no '}restore, {whole.num_offers} offers.",
                "Do so, or do not say that the method is resumable.",
            )
        done = 0
        for stop in _stops(whole.num_offers):
            killed = _Counting(place / "killed", [stop - done], ends=True)
            try:
                case.fit(checkpoint=killed)
            except _Killed:
                done = stop
                continue
            raise _began_again(case, done, killed.num_offers, whole.num_offers)
        last = _Counting(place / "killed", [])
        resumed = case.fit(checkpoint=last)
        if done + last.num_offers != whole.num_offers:
            raise _began_again(case, done, last.num_offers, whole.num_offers)
        _compare(
            case,
            resumed,
            "when it was killed and went on",
            "Keep and restore all that the fit needs: weights, the best ones too, the optimiser's "
            "averages, every random state, and what the report tells.",
        )


def _stops(num_offers: int) -> list[int]:
    """After which steps it is killed: in the middle, and when weights may have been chosen."""
    return sorted({(num_offers + 1) // 2, max(num_offers - 1, 1)})


def _began_again(case: MethodCase, done: int, num_offers: int, num_all: int) -> Exception:
    return contract_error(
        case.name,
        "a fit must go on from the state that checkpoint.restore gives.",
        f"{num_offers} more offers of {num_all} in all, when {done} were made before.",
        "Set weights, optimiser and random states from it, and begin with the step that follows.",
    )


def _compare(case: MethodCase, fitted: Fitted, when: str, advice: str) -> None:
    reference = case.reference
    same = np.array_equal(reference.actions, fitted.actions)
    if not same or reference.report != fitted.report:
        apart = np.abs(reference.actions - fitted.actions).max()
        raise contract_error(
            case.name,
            f"a resumable fit must give the same report and policies {when}.",
            f"actions that differ by up to {apart:g}, and {fitted.report} in place of "
            f"{reference.report}.",
            advice,
        )
