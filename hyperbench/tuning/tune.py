"""Tuning: the fits of a study's rounds, and how the settings of each one did.

The same for every method: tasks, demonstrations, budget of a fit, number of trials. What differs is
the space, which each method's config declares. Target tasks appear nowhere in this folder.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hyperbench import statistics
from hyperbench.errors import one_line
from hyperbench.events import Event, Notify, emit
from hyperbench.executors import Executor, Here, Site
from hyperbench.generator import MethodConfig, PolicyGenerator
from hyperbench.measuring.fitting import fit_and_generate
from hyperbench.measuring.surroundings import restored
from hyperbench.registry import Registry
from hyperbench.rollout import rollout
from hyperbench.threads import single_threaded
from hyperbench.tuning.case import Case
from hyperbench.tuning.halving import Round, cases_of, unfinished
from hyperbench.tuning.propose import NUM_FILLING
from hyperbench.tuning.study import Fit, Study, write_study

MOST_TIME = 2.0
"""How many times as long as the defaults' a fit may take and still be chosen."""
_EARLIEST = 0.2
"""Share of a fit after which it is said how long it will take."""
_LEAST_SECONDS = 5.0
"""Fits below this are too short to be told apart by their time."""


@dataclass(frozen=True)
class Attempt:
    """One fit of a trial.

    Args:
        trial: its number.
        position: of the case in the study.
        method: class of the generator.
        settings: all of the trial's.
        case: what they are judged on.
        default_seconds: what the defaults' fit took of the processor; None where any time is right.
    """

    trial: int
    position: int
    method: type[PolicyGenerator]
    settings: dict[str, Any]
    case: Case
    default_seconds: float | None = None


class TooLongError(BaseException):
    """A fit that takes longer than settings may; passes by whatever a method catches."""


def continue_round(
    study: Study,
    rounds: Sequence[Round],
    number: int,
    cases: Mapping[int, Case],
    registry: Registry,
    folder: Path,
    *,
    site: Site,
    notify: Notify,
    executor: Executor | None = None,
) -> Study:
    """Do what is missing of one round; a trial that fails is recorded, too.

    Args:
        study: with the trials so far.
        rounds: all of them.
        number: of the round, from 0; those before are done.
        cases: those of the round, by their position in the study.
        registry: resolves the method.
        folder: where the study is written after each fit.
        site: says how many physics threads there are.
        notify: told how far each trial, known by its number, is.
        executor: maps the fits that do not wait for each other; one after the other in this
            process if not given.

    Returns:
        The study, in which the round is done.
    """
    method = registry.method_class(study.method)
    here = cases_of(study, rounds[number])
    while pending := _pending(study, rounds, number):
        study = study.begun(max(pending), here)
        attempts = [
            Attempt(
                trial.number,
                i,
                method,
                study.config | trial.settings,
                cases[i],
                _default_seconds(study, i) if number == 0 and trial.number else None,
            )
            for trial in (study.trials[each] for each in pending)
            for i in trial.missing(here)
        ]
        for done in (executor or Here()).map(_fit_or_error, attempts, site, notify):
            attempt = done.item
            fit = done.result or Fit(seconds=0.0, error=done.lost or "lost")
            study = study.judged(attempt.trial, attempt.position, fit)
            write_study(folder, study)
            trial = study.trials[attempt.trial]
            if not trial.missing(here):
                emit(
                    notify,
                    str(trial.number),
                    "fitting",
                    status="failed" if trial.error else "ok",
                    message=trial.error or "",
                )
    return study


def _pending(study: Study, rounds: Sequence[Round], number: int) -> list[int]:
    """Trials of a round that can go on side by side; none if it is done."""
    waiting = unfinished(study, rounds, number)
    if number == 0:
        # The defaults say how long a fit may take, and what is proposed waits for those before.
        alone = 0 in waiting or waiting[:1] > [NUM_FILLING]
        return waiting[:1] if alone else [i for i in waiting if i <= NUM_FILLING]
    return waiting


def _default_seconds(study: Study, case: int) -> float | None:
    """What the defaults' fit took; None where it failed."""
    default = study.trials[0].fits[case]
    return None if default.error else max(default.seconds, _LEAST_SECONDS)


def _fit_or_error(attempt: Attempt, site: Site, notify: Notify) -> Fit:
    started = time.process_time()
    try:
        config = attempt.method.Config.model_validate(attempt.settings)
        return validation_fit(attempt, config, site, notify)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # whatever a method raises makes a failed trial
        return Fit(seconds=time.process_time() - started, error=one_line(error))


def validation_fit(attempt: Attempt, config: MethodConfig, site: Site, notify: Notify) -> Fit:
    """Fit, generate for the validation tasks, play.

    Args:
        attempt: what is fitted, and on what it is judged.
        config: of its settings.
        site: says how many physics threads there are.
        notify: told how far it is.

    Raises:
        TooLongError: it takes, or would take, more than ``MOST_TIME`` times as long as the
            defaults' fit.

    Returns:
        With the mean score over the validation tasks. Not clipped as on boards: below random and
        above the expert, too, better settings are better.
    """
    case = attempt.case
    run = case.run
    support = case.validation.first(run.num_support_due) if run.num_support_due else None
    started = time.process_time()

    def refuse_too_long(share_done: float) -> None:
        if attempt.default_seconds is not None:
            times = (time.process_time() - started) / share_done / attempt.default_seconds
            if times > MOST_TIME:
                raise TooLongError(
                    f"its fit takes {times:.1f} times as long as the defaults'; at most "
                    f"{MOST_TIME:g} times"
                )

    def watch(event: Event) -> None:
        if event.step >= _EARLIEST * event.num_steps > 0:
            refuse_too_long(event.step / event.num_steps)
        notify(event)

    with restored(), single_threaded():
        fitted = fit_and_generate(
            attempt.method(config),
            case.source,
            case.validation,
            case.tasks,
            run,
            support=support,
            notify=watch,
            key=str(attempt.trial),
            stage=f"fitting {run.family}, split {run.seeds.split}",
        )
        refuse_too_long(1.0)
        seconds = time.process_time() - started
        table = rollout(
            case.family, case.tasks, fitted.policies, case.seeds, num_threads=site.num_threads
        )
    scores = statistics.score(table.returns.mean(axis=1), case.random, case.expert)
    return Fit(score=float(np.nanmean(scores)), seconds=seconds)
