"""Tuning: settings are judged on validation tasks, under splits that no board uses.

The same for every method: tasks, demonstrations, budget of a fit, number of trials. What differs is
the space, which each method's config declares. Target tasks appear nowhere in this file.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from hyperbench import statistics
from hyperbench.arms import RandomPolicies, demonstrated
from hyperbench.demonstration import Demonstrations
from hyperbench.errors import ProtocolError, one_line
from hyperbench.events import Notify, emit
from hyperbench.executors import Executor, Here, Site
from hyperbench.family import TaskFamily
from hyperbench.generator import MethodConfig, PolicyGenerator
from hyperbench.measuring.dataset import dataset, load
from hyperbench.measuring.fitting import fit_and_generate
from hyperbench.measuring.surroundings import restored
from hyperbench.policy import PolicyBatch
from hyperbench.protocol import PROTOCOLS, EvalProtocol, SeedPair
from hyperbench.registry import Registry
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.run import Run
from hyperbench.task import TaskSpec
from hyperbench.threads import single_threaded
from hyperbench.tuning.study import Study, Trial, write_study

_FIRST_SPLIT_SEED = 10_000
"""Far from the seeds of boards, which count from 0 where a protocol names none."""
_SEED_ROOT = 0
"""Every setting, and every method, plays the same episodes."""


def tuning_protocol(protocol: EvalProtocol, num_splits: int) -> EvalProtocol:
    """Take a protocol's rules for splits that no registered protocol's board uses.

    Raises:
        ProtocolError: the rules leave no validation tasks.
    """
    if protocol.validation_fraction == 0:
        raise ProtocolError(f"Protocol {protocol.id} has no validation tasks to tune on.")
    taken = {pair.split for known in (*PROTOCOLS.values(), protocol) for pair in known.seeds}
    free = (seed for seed in count(_FIRST_SPLIT_SEED) if seed not in taken)
    seeds = tuple(SeedPair(split=seed, fit=seed) for seed in islice(free, num_splits))
    return protocol.model_copy(update={"seeds": seeds})


@dataclass(frozen=True)
class Case:
    """What settings are judged on: one family under one split.

    Args:
        run: which.
        family: plays.
        tasks: the validation tasks.
        source: demonstrations of the source tasks.
        validation: demonstrations of the validation tasks.
        seeds: (num_tasks, num_episodes) of the episodes.
        random: (num_tasks,) mean returns of random actions.
        expert: (num_tasks,) mean returns of the experts, or whoever is score 1; NaN where they earn
            no more than random actions, beyond the noise.
    """

    run: Run
    family: TaskFamily
    tasks: tuple[TaskSpec, ...]
    source: Demonstrations
    validation: Demonstrations
    seeds: npt.NDArray[np.int64]
    random: npt.NDArray[np.float64]
    expert: npt.NDArray[np.float64]


def make_case(run: Run, registry: Registry, data_dir: Path, num_threads: int) -> Case:
    """Load a run's demonstrations and play the references that its scores are read against.

    Raises:
        DataError: there are no demonstrations.
        ProtocolError: on no validation task does the expert earn more than random actions.
    """
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    tasks = split.validation
    found = dataset(family, run.protocol.num_demonstrations, data_dir)
    seeds = episode_seeds(_SEED_ROOT, "tuning episode", tasks, run.protocol.num_episodes)
    validation = load(family, found, tasks)

    def earned(policies: PolicyBatch) -> npt.NDArray[np.float64]:
        return rollout(family, tasks, policies, seeds, num_threads=num_threads).returns

    with single_threaded():
        random = earned(RandomPolicies(family, tasks))
        if family.info.has_demonstrators:
            expert = earned(family.reference(tasks))
        else:
            expert = demonstrated(validation, seeds).returns
    clear = statistics.earns_more(expert, random)
    if not clear.any():
        raise ProtocolError(f"Validation tasks of {run.family} cannot tell policies apart.")
    return Case(
        run=run,
        family=family,
        tasks=tasks,
        source=load(family, found, split.source),
        validation=validation,
        seeds=seeds,
        random=random.mean(axis=1),
        expert=np.where(clear, expert.mean(axis=1), np.nan),
    )


@dataclass(frozen=True)
class Attempt:
    """One fit of a trial.

    Args:
        trial: its number, as it is told.
        method: class of the generator.
        config: the trial's settings.
        case: what they are judged on.
    """

    trial: str
    method: type[PolicyGenerator]
    config: MethodConfig
    case: Case


def continue_study(
    study: Study,
    cases: Sequence[Case],
    registry: Registry,
    folder: Path,
    *,
    num_trials: int,
    site: Site,
    notify: Notify,
    executor: Executor | None = None,
) -> Study:
    """Try settings until there are ``num_trials``; a trial that fails is recorded, too.

    Args:
        study: with the trials so far.
        cases: one per run of the study.
        registry: resolves the method.
        folder: where the study is written after each trial.
        num_trials: in all.
        site: says how many physics threads there are.
        notify: told how far each trial, known by its number, is.
        executor: maps the fits inside a trial; one after the other in this process if not given.

    Returns:
        The study with all trials.
    """
    method = registry.method_class(study.method)
    while len(study.trials) < num_trials:
        key = str(len(study.trials))
        settings = study.next_settings()
        started = time.perf_counter()
        outcome: dict[str, Any]
        try:
            config = method.Config.model_validate(study.config | settings)
            attempts = [Attempt(key, method, config, case) for case in cases]
            scores = _scores(attempts, executor or Here(), site, notify)
        except Exception as error:  # settings that the method refuses
            scores = [one_line(error)]
        numbers = [score for score in scores if isinstance(score, float)]
        # Of several errors the first in order, whichever fit was first to fail.
        errors = [score for score in scores if isinstance(score, str)]
        if errors:
            outcome = {"status": "failed", "error": errors[0]}
        else:
            outcome = {"status": "ok", "score": float(np.mean(numbers)), "scores": tuple(numbers)}
        trial = Trial(
            number=len(study.trials),
            settings=settings,
            seconds=time.perf_counter() - started,
            **outcome,
        )
        study = study.model_copy(update={"trials": (*study.trials, trial)})
        write_study(folder, study)
        emit(notify, key, "fitting", status=trial.status, message=trial.error or "")
    return study


def _scores(
    attempts: Sequence[Attempt], executor: Executor, site: Site, notify: Notify
) -> list[float | str]:
    """The score of each fit of a trial, or why there is none, in their order."""
    found: dict[str, float | str] = {}
    for done in executor.map(_score_or_error, attempts, site, notify):
        result = done.result
        found[done.item.case.run.key] = done.lost or "lost" if result is None else result
    return [found[attempt.case.run.key] for attempt in attempts]


def _score_or_error(attempt: Attempt, site: Site, notify: Notify) -> float | str:
    try:
        return validation_score(attempt, site, notify)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # whatever a method raises makes a failed trial
        return one_line(error)


def validation_score(attempt: Attempt, site: Site, notify: Notify) -> float:
    """Fit, generate for the validation tasks, play.

    Args:
        attempt: what is fitted, and on what it is judged.
        site: says how many physics threads there are.
        notify: told how far it is.

    Returns:
        The mean score over the validation tasks. Not clipped as on boards: below random and above
        the expert, too, better settings are better.
    """
    case = attempt.case
    run = case.run
    support = case.validation.first(run.num_support_due) if run.num_support_due else None
    with restored(), single_threaded():
        fitted = fit_and_generate(
            attempt.method(attempt.config),
            case.source,
            case.validation,
            case.tasks,
            run,
            support=support,
            notify=notify,
            key=attempt.trial,
            stage=f"fitting {run.family}, split {run.seeds.split}",
        )
        table = rollout(
            case.family, case.tasks, fitted.policies, case.seeds, num_threads=site.num_threads
        )
    scores = statistics.score(table.returns.mean(axis=1), case.random, case.expert)
    return float(np.nanmean(scores))
