"""The one path: from a run's names to its record."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from hyperbench.arms import Seeds, is_brought, play_arm
from hyperbench.demonstration import Demonstrations
from hyperbench.errors import PluginError, StorageError, one_line, traceback_of
from hyperbench.events import Notify, emit, ignore
from hyperbench.executors import Site
from hyperbench.family import TaskFamily
from hyperbench.generator import FitReport, PolicyGenerator
from hyperbench.measuring.bringing import brought_to
from hyperbench.measuring.checkpoint import StoredCheckpoint, checkpoint_of, discard_checkpoint
from hyperbench.measuring.faults import fit_beside, shown_specs
from hyperbench.measuring.fitting import fit_and_generate
from hyperbench.measuring.memory import PeakMemory
from hyperbench.measuring.preparing import NoDemonstrationsError, shown_to
from hyperbench.measuring.surroundings import restored
from hyperbench.policy import STORABLE, PolicyBatch, StorablePolicies
from hyperbench.provenance import provenance
from hyperbench.records.record import Cost, RunRecord, SplitEntry
from hyperbench.records.store import write_record
from hyperbench.registry import Registry, installed
from hyperbench.registry.code import Fingerprints
from hyperbench.rollout import EpisodeTable, judged_seeds, rollout
from hyperbench.run import Run
from hyperbench.split import Split
from hyperbench.threads import single_threaded


@dataclass(frozen=True)
class Measurement:
    """What measuring one method on one family gave."""

    table: EpisodeTable
    num_target_rollouts: int
    cost: Cost
    num_support: int = 0
    policies: PolicyBatch | None = None
    fit: FitReport | None = None
    generator: PolicyGenerator | None = None


def execute(run: Run, site: Site, notify: Notify, *, registry: Registry | None = None) -> RunRecord:
    """Carry out one run and write its record; a failure is a record too.

    Args:
        run: what to do.
        site: where demonstrations are and records go.
        notify: told how far the run is.
        registry: resolves the run's names; the installed one if not given.

    Returns:
        The record that was written.

    Raises:
        StorageError: not even a word that the run failed can be written, or demonstrations cannot
            be written or read.
    """
    registry = registry or installed()
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    seeds = judged_seeds(split, run.protocol)
    try:
        with restored(), single_threaded():
            # Before the fit, which may last: of the code as it is imported.
            fingerprints = registry.fingerprints(run.family, run.method)
            given = None
            if not run.is_arm:
                given = shown_to(run, family, split, site, notify, fingerprints.family)
            elif is_brought(run.method, family.info):
                given = brought_to(run, family, split.target, site.data)
            memory = PeakMemory(run.device)  # after those who demonstrate, for whichever run it is
            measured = _measured(
                run, family, split, seeds, site, notify, registry, fingerprints, given
            )
            not_stored = why_not_stored(measured.policies, registry)
            record = RunRecord(
                status="ok",
                not_stored=not_stored,
                cost=measured.cost.model_copy(
                    update={
                        "peak_memory": memory.of_process(),
                        "peak_gpu_memory": memory.of_gpu(),
                    }
                ),
                fit=measured.fit,
                fingerprints=fingerprints,
                num_support=measured.num_support,
                num_target_rollouts=measured.num_target_rollouts,
                num_clipped=measured.table.num_clipped,
                **shared_entries(run, family, split, registry),
            )
            policies = None if not_stored else cast(StorablePolicies | None, measured.policies)
            try:
                record = write_record(
                    site.runs, record, measured.table, policies, measured.generator
                ).record
            except StorageError as error:
                # Of a disk that is full for what a run gives, not for a word about it.
                why = str(error)
                return record_failure(run, why, site, notify, not_stored=why, registry=registry)
    except (KeyboardInterrupt, GeneratorExit, StorageError):  # a full disk is nobody's failure
        raise
    except BaseException as error:  # whatever a method or a world raises, or how it leaves
        why = str(error) if isinstance(error, NoDemonstrationsError) else one_line(error)
        where = traceback_of(error)
        return record_failure(run, why, site, notify, traceback=where, registry=registry)
    discard_checkpoint(run, site)
    emit(notify, run.key, "judging", status="ok")
    return record


def _measured(
    run: Run,
    family: TaskFamily,
    split: Split,
    seeds: Seeds,
    site: Site,
    notify: Notify,
    registry: Registry,
    fingerprints: Fingerprints,
    given: Demonstrations | None,
) -> Measurement:
    """Play a control arm, or make a generator and measure it with the demonstrations given."""
    if run.is_arm or given is None:
        emit(notify, run.key, "judging")
        started = time.perf_counter()
        table, played = play_arm(run.method, family, split, seeds, site.num_threads, given)
        return Measurement(table, played, Cost(rollout_seconds=time.perf_counter() - started))
    emit(notify, run.key, "loading")
    method = registry.method_class(run.method)
    generator = method(method.Config.model_validate(run.config))
    before = fit_beside(run, family, site, fingerprints)
    if before is not None:
        generator.load(before.generator)
    support = None
    if run.num_support_due:
        support = given.select(split.target).first(run.num_support_due)
    checkpoint = None
    if generator.resumable and before is None:
        packages = registry.packages_of(run.family, run.method)
        checkpoint = checkpoint_of(run, site, fingerprints, packages)
    return measure(
        generator,
        given.select((*split.source, *split.validation)),
        family,
        split,
        seeds,
        run,
        support=support,
        checkpoint=checkpoint,
        before=None if before is None else before.record,
        num_threads=site.num_threads,
        notify=notify,
    )


def why_not_stored(policies: PolicyBatch | None, registry: Registry) -> str | None:
    """Why a record cannot keep these policies; None if it can, or there are none."""
    if policies is None:
        return None
    name = type(policies).__name__
    missing = [member for member in STORABLE if not hasattr(policies, member)]
    if missing:
        return f"{name} lacks {', '.join(missing)}"
    kind: str = policies.kind  # type: ignore[attr-defined]  # as was just seen
    try:
        if registry.policy_kinds.asked(kind) is None:
            return f"{name} is of the kind {kind!r}, which no plugin registers"
        if not isinstance(policies, registry.policy_kind(kind)):
            return f"{name} is not what is registered as kind {kind!r}"
    except PluginError as error:
        return str(error)
    return None


def record_failure(
    run: Run,
    error: str,
    site: Site,
    notify: Notify,
    *,
    traceback: str | None = None,
    not_stored: str | None = None,
    registry: Registry | None = None,
) -> RunRecord:
    """Write the record of a run that failed, or whose worker was lost, and tell.

    Args:
        run: which.
        error: why, in one line.
        site: where records go.
        notify: told that the run failed.
        traceback: where it failed, if that is known.
        not_stored: why what it gave was not stored, if it failed for that.
        registry: resolves the run's names; the installed one if not given.
    """
    registry = registry or installed()
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    shared = shared_entries(run, family, split, registry)
    record = RunRecord(
        status="failed", error=error, traceback=traceback, not_stored=not_stored, **shared
    )
    written = write_record(site.runs, record).record
    discard_checkpoint(run, site)
    emit(notify, run.key, "failing", status="failed", message=error)
    return written


def measure(
    generator: PolicyGenerator,
    demonstrations: Demonstrations,
    family: TaskFamily,
    split: Split,
    seeds: Seeds,
    run: Run,
    *,
    support: Demonstrations | None = None,
    checkpoint: StoredCheckpoint | None = None,
    before: RunRecord | None = None,
    num_threads: int = 1,
    notify: Notify = ignore,
) -> Measurement:
    """Fit, generate, judge. The generator meets demonstrations and specs, never the family.

    With shuffled specs each policy is generated for another target task's spec, though with the
    support of the task it is judged on: what is lost against the same run without is what the spec
    was worth. So with other faults, of what was noisy or hidden.

    Args:
        generator: a fresh one.
        demonstrations: of source and validation tasks.
        family: the world that judges.
        split: the tasks.
        seeds: (num_target_tasks, num_episodes).
        run: for its key, seeds, device and the fault of its specs.
        support: demonstrations of the target tasks, in their order, in the few-shot track.
        checkpoint: of the fit of a resumable method; None where it cannot go on.
        before: as of ``fit_and_generate``.
        num_threads: physics threads.
        notify: told how far it is.
    """
    validation = demonstrations.select(split.validation) if split.validation else None
    specs = shown_specs(run, split)
    if support is not None:
        support = replace(support, specs=specs)
    source = demonstrations.select(split.source)
    fitted = fit_and_generate(
        generator,
        source,
        validation,
        specs,
        run,
        support=support,
        checkpoint=checkpoint,
        before=before,
        notify=notify,
    )
    started = time.perf_counter()
    table = rollout(
        family,
        split.target,
        fitted.policies,
        seeds,
        num_threads=num_threads,
        progress=partial(emit, notify, run.key, "judging"),
    )
    cost = Cost(
        num_parameters=fitted.report.num_parameters,
        policy_parameters=getattr(fitted.policies, "num_parameters", None),
        fit_seconds=fitted.fit_seconds,
        generate_seconds=fitted.generate_seconds,
        rollout_seconds=time.perf_counter() - started,
    )
    num_support = 0 if support is None else min(len(row) for row in support.episodes)
    return Measurement(
        table, seeds.size, cost, num_support, fitted.policies, fitted.report, generator
    )


def shared_entries(
    run: Run, family: TaskFamily, split: Split, registry: Registry
) -> dict[str, Any]:
    """What records have in common, whatever became of the run."""
    return {
        **dict(run),  # a record begins with all that its run is
        "family_info": family.info,
        "split": SplitEntry.of(split),
        "plugins": registry.files_of(run.family, run.method),
        "provenance": provenance(registry.packages_of(run.family, run.method), run.device),
    }
