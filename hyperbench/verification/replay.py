"""Verification: what a record says is checked against its files, its family, and playing again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from hyperbench.arms import due_rollouts, is_brought, play_arm
from hyperbench.demonstration import Demonstrations
from hyperbench.errors import (
    ContractError,
    DataError,
    HyperbenchError,
    NewerRecordError,
    ProtocolError,
    UnknownNameError,
)
from hyperbench.family import TaskFamily
from hyperbench.provenance import provenance
from hyperbench.records.agreement import ELSEWHERE_TOLERANCE, elsewhere, returns_differ
from hyperbench.records.bundled import open_run
from hyperbench.records.record import RunRecord
from hyperbench.records.store import POLICIES, StoredRun
from hyperbench.registry import Registry
from hyperbench.rollout import EpisodeTable, judged_seeds, rollout
from hyperbench.seeding import child_seed
from hyperbench.split import Split
from hyperbench.task import TaskSpec
from hyperbench.threads import single_threaded
from hyperbench.verification.integrity import (
    Columns,
    episode_faults,
    file_faults,
    identity_faults,
    obstacles,
)

Brought = Callable[[RunRecord, TaskFamily, tuple[TaskSpec, ...]], Demonstrations]
"""Reads demonstrations that a record is of; its ``DataError`` says why it cannot."""
Stamp = Literal["verified", "consistent", "differs", "unverifiable"]


class Verdict(BaseModel):
    """What became of checking one run."""

    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, ser_json_inf_nan="strings"
    )

    folder: Path
    """Where the run is."""
    record: RunRecord | None
    """None if it cannot be read."""
    stamp: Stamp
    """``differs`` if something contradicts the record, ``unverifiable`` if what is installed or
    stored is not what the check needs, ``consistent`` if nothing contradicts it and nothing was
    played: the board keeps policies of other runs of the row, or others were drawn."""
    reasons: tuple[str, ...] = ()
    """Why the stamp is not ``verified``, each in a line."""
    notes: tuple[str, ...] = ()
    """What a reader should know, whatever the stamp, each in a line."""
    num_policies: int = 0
    """Policies that were generated."""
    num_kept: int = 0
    """How many of them are stored."""
    num_judged: int = 0
    """Episodes the run was judged on."""
    num_played: int = 0
    """How many of them were played again."""
    largest_difference: float = 0.0
    """Between a return in the record and the same episode's return played again."""
    mean_difference: float = 0.0
    """Between the means of all returns that were played again."""

    @property
    def is_sound(self) -> bool:
        """Whether it is verified, or of a failed run, which claims no return."""
        failed = self.record is not None and self.record.status == "failed"
        return self.stamp in ("verified", "consistent") or (failed and self.stamp == "unverifiable")


def verify_run(
    folder: Path,
    registry: Registry,
    *,
    num_tasks: int | None,
    seed: int,
    num_threads: int = 1,
    tolerance: float | None = None,
    brought: Brought | None = None,
) -> Verdict:
    """Check one run; play some of its episodes again from its stored policies.

    Args:
        folder: of the run.
        registry: resolves the record's names.
        num_tasks: target tasks to play, drawn at random, each with all its episodes; None for all,
            0 to check all else.
        seed: of that draw.
        num_threads: physics threads; results do not depend on it.
        tolerance: relative difference (absolute below magnitude 1) a return may show; if None it is
            0 for a record made with these versions on a machine like this, else
            ``ELSEWHERE_TOLERANCE``.
        brought: reads the demonstrations of a record's target tasks where nobody can play them.
    """
    try:
        run = open_run(folder)
    except DataError as error:
        stamp: Stamp = "unverifiable" if isinstance(error, NewerRecordError) else "differs"
        return Verdict(folder=folder, record=None, stamp=stamp, reasons=(str(error),))

    record = run.record

    def verdict(stamp: Stamp, *reasons: str) -> Verdict:
        return Verdict(folder=folder, record=record, stamp=stamp, reasons=reasons)

    if faults := file_faults(run):
        return verdict("differs", *faults)
    try:
        with record.naming_its_files():
            family = registry.make_family(record.family)
    except HyperbenchError as error:
        return verdict("unverifiable", str(error))
    try:
        split = record.protocol.split(family, record.seeds.split)
    except ProtocolError as error:
        return verdict("differs", f"protocol: {error}")
    if faults := identity_faults(record, registry, family, split):
        return verdict("differs", *faults)
    if missing := obstacles(run, registry, family):
        return verdict("unverifiable", *missing)
    given = None
    if is_brought(record.method, family.info):
        if brought is None:
            return verdict("unverifiable", f"nobody plays {record.family}; see --data-dir")
        try:
            given = brought(record, family, split.target)
        except DataError as error:
            return verdict("unverifiable", str(error))
    seeds = judged_seeds(split, record.protocol)
    due = due_rollouts(record.method, split, seeds)
    if record.num_target_rollouts not in due:
        number = f"{due[0]} to {due[-1]}" if len(due) > 1 else f"{due[0]}"
        return verdict(
            "differs", f"num_target_rollouts is {record.num_target_rollouts}, {number} are due"
        )
    try:
        columns = run.episodes()
        if faults := episode_faults(columns, split, seeds, family.info):
            return verdict("differs", *faults)
        kept = list(range(len(split.target))) if record.is_arm else run.kept_tasks
        drawn = _drawn(len(kept), num_tasks, child_seed(seed, "verify", record.key))
        chosen = [kept[i] for i in drawn]
        found = verdict("verified" if chosen else "consistent").model_copy(
            update={
                "num_judged": seeds.size,
                "num_policies": 0 if record.is_arm else len(split.target),
                "num_kept": 0 if record.is_arm else len(kept),
                "notes": _code_notes(record, registry),
            }
        )
        if not chosen:
            return found
        with single_threaded():
            played = _play(run, registry, family, split, seeds, chosen, num_threads, given)
    except UnknownNameError as error:  # a kind of policies whose plugin is not installed
        return verdict("unverifiable", str(error))
    except (ContractError, DataError, FloatingPointError, ValueError, IndexError) as error:
        return verdict("differs", f"{type(error).__name__}: {error}")
    recorded = {name: column.reshape(seeds.shape)[chosen] for name, column in columns.items()}
    here = provenance(registry.packages_of(record.family, record.method))
    where = elsewhere(record.provenance, here)
    if tolerance is None:
        tolerance = 0.0 if where is None else ELSEWHERE_TOLERANCE
    found = _compared(found, recorded, played, tolerance)
    if found.stamp == "verified" or where is None:
        return found
    return found.model_copy(update={"reasons": (*found.reasons, f"may be rounding: {where}")})


def _code_notes(record: RunRecord, registry: Registry) -> tuple[str, ...]:
    """Say of what the code has changed since; whether that moves a result is what playing tells."""
    differing = registry.fingerprints(record.family, record.method).differing(record.fingerprints)
    here = {file.name: file.sha256 for file in registry.files_of(record.family, record.method)}
    return (
        *(
            f"measured with other code of {getattr(record, name)} than is installed"
            for name in differing
        ),
        *(
            f"the file {file.name} that is plugged in is not the one on record, whose text the "
            "record keeps"
            for file in record.plugins
            if here.get(file.name, file.sha256) != file.sha256
        ),
    )


def _drawn(num_all: int, num_wanted: int | None, seed: int) -> list[int]:
    if num_wanted is None or num_wanted >= num_all:
        return list(range(num_all))
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(num_all, num_wanted, replace=False).tolist())


def _play(
    run: StoredRun,
    registry: Registry,
    family: TaskFamily,
    split: Split,
    seeds: npt.NDArray[np.int64],
    chosen: Sequence[int],
    num_threads: int,
    given: Demonstrations | None,
) -> EpisodeTable:
    """Play the chosen target tasks, each with as many episodes at once as when it was judged.

    A product over another number of episodes may round differently; over other tasks it does not,
    for every task has its own.
    """
    targets = tuple(split.target[i] for i in chosen)
    if run.record.is_arm:
        part = replace(split, target=targets)
        method = run.record.method
        table, _ = play_arm(method, family, part, seeds[chosen], num_threads, given)
        return table
    policies = run.policies(registry)
    kept = run.kept_tasks
    if policies.num_tasks != len(kept):
        raise DataError(f"{POLICIES} has {policies.num_tasks}, not one per target task.")
    policies.refuse_non_finite([split.target[i] for i in kept])
    asked = policies.take([kept.index(i) for i in chosen])
    return rollout(family, targets, asked, seeds[chosen], num_threads=num_threads)


def _compared(
    verdict: Verdict, recorded: Columns, played: EpisodeTable, tolerance: float
) -> Verdict:
    """Compare all that was measured in the episodes, each (num_tasks, num_episodes)."""
    returns = recorded["return"]
    apart = np.abs(played.returns - returns)
    differs = returns_differ(returns, played.returns, tolerance)
    reasons = []
    largest = np.unravel_index(np.argmax(np.where(np.isnan(apart), np.inf, apart)), apart.shape)
    if differs.any():
        task = played.tasks[int(largest[0])].label
        reasons.append(
            f"{differs.sum()} of {differs.size} returns differ, most in {task}, episode "
            f"{largest[1]}: {returns[largest]:.9g} recorded, {played.returns[largest]:.9g} played; "
            f"mean {returns.mean():.6g} recorded, {played.returns.mean():.6g} played"
        )
    for name, values in played.columns().items():
        if name != "return" and len(wrong := np.argwhere(recorded[name] != values)):
            task = played.tasks[int(wrong[0][0])].label
            reasons.append(
                f"{name} differs in {len(wrong)} of {values.size} episodes, first in {task}, "
                f"episode {wrong[0][1]}"
            )
    stamp: Stamp = "differs" if reasons else "verified"
    return verdict.model_copy(
        update={
            "stamp": stamp,
            "reasons": tuple(reasons),
            "num_played": returns.size,
            "largest_difference": float(apart[largest]),
            "mean_difference": float(abs(played.returns.mean() - returns.mean())),
        }
    )
