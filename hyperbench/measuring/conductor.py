"""The one path: from a run's names to its record."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from hyperbench.arms import play_arm
from hyperbench.demonstration import Demonstrations
from hyperbench.errors import ContractError
from hyperbench.family import TaskFamily
from hyperbench.generator import FitReport, PolicyGenerator
from hyperbench.measuring.dataset import Dataset, dataset, load, prepare
from hyperbench.policy import MLPPolicies, PolicyBatch, info_key
from hyperbench.protocol import EvalProtocol
from hyperbench.provenance import provenance
from hyperbench.records.record import Cost, RunRecord, SplitEntry
from hyperbench.records.store import write_record
from hyperbench.registry import Registry
from hyperbench.rollout import EpisodeTable, judged_seeds, rollout
from hyperbench.run import Run
from hyperbench.seeding import child_seed
from hyperbench.split import Split
from hyperbench.threads import single_threaded


class Notify(Protocol):
    """Told how far a run is; made by the console, called in whichever process executes."""

    def __call__(
        self, key: str, stage: str, step: int = 0, num_steps: int = 0, loss: float | None = None
    ) -> None:
        """Report that the run ``key`` is at ``step`` of ``num_steps`` of a stage."""


@dataclass(frozen=True)
class Places:
    """Where things are read and written.

    Args:
        runs: folder of all runs.
        data: root of all demonstrations.
    """

    runs: Path
    data: Path


@dataclass(frozen=True)
class Measurement:
    """What measuring one method on one family gave."""

    table: EpisodeTable
    num_target_rollouts: int
    cost: Cost
    num_support: int = 0
    policies: PolicyBatch | None = None
    fit: FitReport | None = None


def ensure_demonstrations(
    family: TaskFamily, protocol: EvalProtocol, data_dir: Path, *, num_threads: int, notify: Notify
) -> tuple[Dataset, str | None]:
    """Make a family's demonstrations unless sound ones are there.

    Returns:
        Where they are, and why they had to be made; None if they were there.
    """
    found = dataset(family, protocol.num_demonstrations, data_dir)
    problem = found.problem()
    if problem is not None:

        def progress(step: int, num_steps: int) -> None:
            notify(family.info.id, "demonstrations", step, num_steps)

        with single_threaded():
            prepare(family, found, num_threads=num_threads, progress=progress)
    return found, problem


def execute(
    run: Run, registry: Registry, places: Places, *, num_threads: int, notify: Notify
) -> RunRecord:
    """Carry out one run and write its record; a failure is a record too.

    Args:
        run: what to do.
        registry: resolves the run's names.
        places: where demonstrations are and records go.
        num_threads: physics threads. Everything else runs on one thread, so that results do not
            depend on how many runs share the machine.
        notify: told how far the run is.

    Returns:
        The record that was written.

    Raises:
        DataError: the record cannot be written.
    """
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    seeds = judged_seeds(split, run.protocol)
    generator: PolicyGenerator | None = None
    try:
        if run.is_arm:
            with single_threaded():
                notify(run.key, "judging")
                started = time.perf_counter()
                table, played = play_arm(run.method, family, split, seeds, num_threads)
                cost = Cost(rollout_seconds=time.perf_counter() - started)
                measured = Measurement(table, played, cost)
        else:
            method = registry.method_class(run.method)
            generator = method(method.Config.model_validate(run.config))
            found = dataset(family, run.protocol.num_demonstrations, places.data)
            demonstrations = load(family, found, (*split.source, *split.validation))
            support = None
            if run.num_support_due:
                support = load(family, found, split.target).first(run.num_support_due)
            with single_threaded():
                measured = measure(
                    generator,
                    demonstrations,
                    family,
                    split,
                    seeds,
                    run,
                    support=support,
                    num_threads=num_threads,
                    notify=notify,
                )
        record = RunRecord(
            status="ok",
            cost=measured.cost,
            fit=measured.fit,
            num_support=measured.num_support,
            num_target_rollouts=measured.num_target_rollouts,
            **_shared_entries(run, family, split),
        )
        policies = measured.policies
        written = write_record(places.runs, record, measured.table, policies, generator).record
    except Exception as error:  # whatever a method or a world raises becomes a failed record
        written = _record_failure(run, family, split, places, error)
    notify(run.key, written.status)
    return written


def record_lost(run: Run, registry: Registry, places: Places) -> RunRecord:
    """Write the record of a run whose worker process died, e.g. for lack of memory."""
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    return _record_failure(run, family, split, places, RuntimeError("the worker process died"))


def measure(
    generator: PolicyGenerator,
    demonstrations: Demonstrations,
    family: TaskFamily,
    split: Split,
    seeds: np.ndarray[Any, np.dtype[np.int64]],
    run: Run,
    *,
    support: Demonstrations | None = None,
    num_threads: int = 1,
    notify: Notify = lambda *_, **__: None,
) -> Measurement:
    """Fit, generate, judge. The generator meets demonstrations and specs, never the family.

    With shuffled specs each policy is generated for another target task's spec, though with the
    support of the task it is judged on: what is lost against the same run without is what the spec
    was worth.

    Args:
        generator: a fresh one.
        demonstrations: of source and validation tasks.
        family: the world that judges.
        split: the tasks.
        seeds: (num_target_tasks, num_episodes).
        run: for its key, seeds, device and whether specs are shuffled.
        support: demonstrations of the target tasks, in their order, in the few-shot track.
        num_threads: physics threads.
        notify: told how far it is.
    """
    validation = demonstrations.select(split.validation) if split.validation else None
    specs = split.shuffled_target() if run.shuffled_spec else split.target
    if support is not None:
        support = replace(support, specs=specs)
    started = time.perf_counter()
    report = generator.fit(
        demonstrations.select(split.source),
        validation=validation,
        seed=child_seed(run.seeds.fit, "fit", run.method, run.family),
        device=run.device,
        # Not a closure, from whose cells a method could take what else this function has.
        progress=partial(notify, run.key, "fitting"),
    )
    fitted = time.perf_counter()
    policies = generator.generate(specs, support)
    if info_key(policies) is not None:
        raise ContractError(f"{run.method}: its policies ask for what experts alone are shown.")
    generated = time.perf_counter()
    if isinstance(policies, MLPPolicies):
        policies.refuse_non_finite(specs)
    judging = partial(notify, run.key, "judging")
    table = rollout(
        family, split.target, policies, seeds, num_threads=num_threads, progress=judging
    )
    cost = Cost(
        num_parameters=report.num_parameters,
        policy_parameters=getattr(policies, "num_parameters", None),
        fit_seconds=fitted - started,
        generate_seconds=generated - fitted,
        rollout_seconds=time.perf_counter() - generated,
    )
    num_support = 0 if support is None else min(len(row) for row in support.episodes)
    return Measurement(table, seeds.size, cost, num_support, policies, report)


def _shared_entries(run: Run, family: TaskFamily, split: Split) -> dict[str, Any]:
    return {
        **dict(run),  # a record begins with all that its run is
        "family_info": family.info,
        "split": SplitEntry.of(split),
        "provenance": provenance(),
    }


def _record_failure(
    run: Run, family: TaskFamily, split: Split, places: Places, error: Exception
) -> RunRecord:
    record = RunRecord(
        status="failed",
        error=" ".join(f"{type(error).__name__}: {error}".split()),
        traceback="".join(traceback.format_exception(error)),
        **_shared_entries(run, family, split),
    )
    return write_record(places.runs, record).record
