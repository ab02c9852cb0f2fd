"""Fitting: the one place where a method meets demonstrations, then specs, and hands over policies.

Runs and trials of a study both go through it, so that a method is tuned on no more than what it is
measured on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import ContractError
from hyperbench.events import Notify, emit
from hyperbench.generator import FitReport, PolicyGenerator
from hyperbench.measuring.checkpoint import StoredCheckpoint
from hyperbench.policy import PolicyBatch, StorablePolicies, info_key
from hyperbench.records.record import RunRecord
from hyperbench.run import Run
from hyperbench.seeding import child_seed
from hyperbench.task import TaskSpec


@dataclass(frozen=True)
class Fitted:
    """What a method gave, and how long it took.

    Args:
        report: its own on the fit.
        policies: one per spec, checked.
        fit_seconds: wall-clock time of ``fit``, also before it was interrupted; without what it
            took to keep its state.
        generate_seconds: wall-clock time of ``generate``.
    """

    report: FitReport
    policies: PolicyBatch
    fit_seconds: float
    generate_seconds: float


def fit_and_generate(
    generator: PolicyGenerator,
    source: Demonstrations,
    validation: Demonstrations | None,
    specs: Sequence[TaskSpec],
    run: Run,
    *,
    support: Demonstrations | None = None,
    checkpoint: StoredCheckpoint | None = None,
    before: RunRecord | None = None,
    notify: Notify,
    key: str | None = None,
    stage: str = "fitting",
) -> Fitted:
    """Fit, generate, and check what is handed over.

    Args:
        generator: a fresh one.
        source: demonstrations of the source tasks.
        validation: demonstrations of the validation tasks; None where there are none.
        specs: to generate policies for.
        run: for its method, family, fit seed and device.
        support: demonstrations of the specs' tasks, in their order, in the few-shot track.
        checkpoint: of the fit of a resumable method; None where it cannot go on.
        before: the run whose fit the generator has been loaded from; None where it is to be fitted.
        notify: told how far the fit is.
        key: under which it is told; the run's if not given.
        stage: likewise, what the fit is called.

    Raises:
        ContractError: there is no report, or the policies ask for what experts alone are shown.
        FloatingPointError: a loss that is reported, or a number of a policy, is not finite.
    """
    started = time.perf_counter()
    report = None if before is None else before.fit
    if report is None:
        report = generator.fit(
            source,
            validation=validation,
            seed=child_seed(run.seeds.fit, "fit", run.method, run.family),
            device=run.device,
            # Not a closure, from whose cells a method could take what else this function has.
            progress=partial(emit, notify, key or run.key, stage),
            # A method that is not resumable does not know the word.
            **({} if checkpoint is None else {"checkpoint": checkpoint}),
        )
    fitted = time.perf_counter()
    _check_report(report, f"{run.method} on {run.family}")
    policies = generator.generate(specs, support)
    generated = time.perf_counter()
    if info_key(policies) is not None:
        raise ContractError(f"{run.method}: its policies ask for what experts alone are shown.")
    if isinstance(policies, StorablePolicies):
        policies.refuse_non_finite(specs)
    elsewhere = 0.0 if checkpoint is None else checkpoint.seconds_elsewhere
    fit_seconds = fitted - started + elsewhere
    if before is not None and before.cost.fit_seconds is not None:
        fit_seconds = before.cost.fit_seconds
    return Fitted(report, policies, fit_seconds, generated - fitted)


def _check_report(report: FitReport, subject: str) -> None:
    if not isinstance(report, FitReport):
        raise ContractError(f"{subject}: fit returned {report!r}, not a FitReport.")
    losses = {"final_loss": report.final_loss}
    for step, training, validation in report.curve:
        losses[f"training loss at step {step}"] = training
        if validation is not None:
            losses[f"validation loss at step {step}"] = validation
    for name, loss in losses.items():
        if not math.isfinite(loss):
            raise FloatingPointError(f"{subject} reports that its {name} is {loss}.")
