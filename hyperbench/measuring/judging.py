"""Judging: policies that were handed in play the target tasks, and become a row of its own kind."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hyperbench.errors import DataError, HyperbenchError, one_line
from hyperbench.events import Notify, emit
from hyperbench.executors import Site
from hyperbench.family import TaskFamily
from hyperbench.measuring.conductor import shared_entries, why_not_stored
from hyperbench.measuring.dataset import dataset
from hyperbench.measuring.surroundings import restored
from hyperbench.protocol import EvalProtocol
from hyperbench.records.handed_in import HandedIn
from hyperbench.records.record import Cost, RunRecord
from hyperbench.records.store import write_record
from hyperbench.registry import Registry
from hyperbench.registry.own import RESERVED
from hyperbench.rollout import judged_seeds, rollout
from hyperbench.run import Run
from hyperbench.threads import single_threaded


def plan_judging(
    registry: Registry,
    name: str,
    policies: HandedIn,
    families: Sequence[TaskFamily],
    protocol: EvalProtocol,
    data_dir: Path,
) -> list[Run]:
    """List the runs of policies that were handed in: one for each family and split.

    Args:
        registry: knows the names that are taken.
        name: of their row.
        policies: of all target tasks.
        families: on which they are judged.
        protocol: the rules and the split seeds.
        data_dir: root of all demonstrations.

    Raises:
        HyperbenchError: the name is a method's or an arm's, or a target task has no policy.
    """
    if name in RESERVED or registry.methods.asked(name) is not None:
        raise HyperbenchError(
            f"{name!r} is a method or a control arm. Call the policies otherwise."
        )
    runs = {}
    for family in families:
        for pair in protocol.seeds:
            policies.of(protocol.split(family, pair.split).target)
            run = Run(
                key="",
                method=name,
                is_arm=False,
                family=family.info.id,
                protocol=protocol,
                seeds=pair,
                device="cpu",
                demonstrations=dataset(family, protocol.num_demonstrations, data_dir).key,
                policies=policies.checksum,
            )
            key = run.key_for(family.info, family.tasks)
            runs[key] = run.model_copy(update={"key": key})
    return list(runs.values())


def judge_run(
    run: Run, policies: HandedIn, site: Site, notify: Notify, registry: Registry
) -> RunRecord:
    """Play policies that were handed in, and write the record.

    Args:
        run: from ``plan_judging``.
        policies: the same.
        site: where the record goes.
        notify: told how far it is.
        registry: resolves the family.

    Raises:
        DataError: they cannot be played or kept; nothing is recorded.
    """
    family = registry.make_family(run.family)
    split = run.protocol.split(family, run.seeds.split)
    seeds = judged_seeds(split, run.protocol)
    played = policies.of(split.target)
    if why := why_not_stored(played, registry):
        raise DataError(f"Nobody could verify these policies, for they cannot be kept: {why}.")
    started = time.perf_counter()
    try:
        with restored(), single_threaded():
            played.refuse_non_finite(split.target)
            table = rollout(
                family,
                split.target,
                played,
                seeds,
                num_threads=site.num_threads,
                progress=partial(emit, notify, run.key, "judging"),
            )
    except HyperbenchError:
        raise
    except Exception as error:  # a stranger's policies may raise anything
        raise DataError(
            f"The policies {run.method!r} cannot be played on {run.family}: {one_line(error)}. "
            f"Observations have {family.observation_space.shape[0]} numbers there, actions "
            f"{family.action_space.shape[0]}."
        ) from error
    record = RunRecord(
        status="ok",
        cost=Cost(
            policy_parameters=played.num_parameters,
            rollout_seconds=time.perf_counter() - started,
        ),
        fingerprints=registry.fingerprints(run.family),
        num_target_rollouts=seeds.size,
        num_clipped=table.num_clipped,
        **shared_entries(run, family, split, registry),
    )
    written = write_record(site.runs, record, table, played).record
    emit(notify, run.key, "judging", status="ok")
    return written
