"""Integrity: whether a record agrees with its files, its key, its protocol and its family.

Nothing is played here; ``verification`` plays what passes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from hyperbench.errors import HyperbenchError
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.files import sha256_file
from hyperbench.records.bundled import BundledRun
from hyperbench.records.bundling import lacks_due
from hyperbench.records.find import RECORD
from hyperbench.records.record import RunRecord, SplitEntry, content_checksum
from hyperbench.records.store import EPISODES, POLICIES, StoredRun
from hyperbench.registry import Registry
from hyperbench.rollout import EPISODE_COLUMNS
from hyperbench.split import Split

Columns = dict[str, npt.NDArray[Any]]
"""Judged episodes as ``StoredRun.episodes`` gives them."""

_DISTANCE_TOLERANCE = 1e-6
"""By which a target's distance to the nearest source spec may differ: rounding of float32."""


def file_faults(run: StoredRun) -> list[str]:
    """Say which files are not what the manifest says; a generator may be missing."""
    if isinstance(run, BundledRun):
        fault = lacks_due(run)
        return [*run.faults(), *([] if fault is None else [fault])]
    faults = []
    record, folder = run.record, run.folder
    try:
        found = content_checksum(json.loads((folder / RECORD).read_bytes()))
    except ValueError as error:
        return [f"{RECORD} was altered: {error}"]
    if record.content_sha256 not in (None, found):
        faults.append(f"{RECORD} was altered: its content differs from its checksum")
    for name in (EPISODES, POLICIES):
        if name not in record.sha256 and (folder / name).exists():
            faults.append(f"{name} is not listed in {RECORD}")
    for name, expected in record.sha256.items():
        path = folder / name
        if not path.is_file():
            if name in record.results:
                faults.append(f"{name} is missing")
        elif sha256_file(path) != expected:
            faults.append(f"{name} was altered: its checksum differs from the record's")
    return faults


def identity_faults(
    record: RunRecord, registry: Registry, family: TaskFamily, split: Split
) -> list[str]:
    """Say what in a record contradicts its key, its protocol's name or its family."""
    faults = []
    # As the record names them: a run of other physics is no forgery.
    described = replace(
        family.info,
        physics=record.family_info.physics,
        expert_version=record.family_info.expert_version,
    )
    key = record.key_for(described, family.tasks)
    if key != record.key:
        faults.append(
            f"key is {record.key}, but method, config, family, protocol, seeds, device and "
            f"demonstrations give {key}"
        )
    known = registry.protocols.get(record.protocol.id)
    if known is not None and known.rules_hash != record.protocol.rules_hash:
        faults.append(f"its rules are not those of {record.protocol.id}")
    for name in ("id", "horizon", "has_success", "ends_at_success"):
        said, true = getattr(record.family_info, name), getattr(family.info, name)
        if said != true:
            faults.append(f"family_info.{name} is {said!r}, the family's is {true!r}")
    if record.split is not None and not _same_split(record.split, SplitEntry.of(split)):
        faults.append("split is not the one that protocol and split seed make")
    return faults


def obstacles(run: StoredRun, registry: Registry, family: TaskFamily) -> list[str]:
    """Say why a run that nothing contradicts still cannot be played again here."""
    record = run.record
    if record.content_sha256 is None:
        return ["no checksum: the record was written before records had one"]
    if record.status == "failed":
        return [f"the run failed and has no episode to play: {record.error}"]
    if record.split is None:
        return ["the record has no split"]
    info, installed = record.family_info, family.info
    if info.physics != installed.physics:
        return [f"physics is {info.physics}, installed is {installed.physics}"]
    if not record.is_arm:
        if not (run.keeps_policies or run.is_bundled):
            why = "" if record.not_stored is None else f": {record.not_stored}"
            return [f"its policies were not stored{why}"]
        return _unexplained_settings(record, registry)
    if info.expert_version != installed.expert_version:
        return [f"experts are {info.expert_version}, installed are {installed.expert_version}"]
    return []


def episode_faults(
    columns: Columns, split: Split, seeds: npt.NDArray[np.int64], info: FamilyInfo
) -> list[str]:
    """Say how the table of episodes differs from what the protocol asks for, returns apart."""
    num_tasks, num_episodes = seeds.shape
    expected = {
        "task": np.repeat([task.key for task in split.target], num_episodes),
        "episode": np.tile(np.arange(num_episodes), num_tasks),
    }
    kinds = {column.name: column.kind for column in EPISODE_COLUMNS if column.belongs_to(info)}
    if set(columns) != {*expected, *kinds}:
        return [f"{EPISODES} has the columns {', '.join(sorted(columns))}"]
    if any(not np.array_equal(columns[name], values) for name, values in expected.items()):
        return [f"{EPISODES} lists other episodes than {num_episodes} of each target task"]
    if odd := [name for name, kind in kinds.items() if columns[name].dtype.kind != kind]:
        return [f"{EPISODES} has something else than numbers in {', '.join(odd)}"]
    wrong = np.argwhere(columns["seed"].reshape(seeds.shape) != seeds)
    if len(wrong):
        t, e = wrong[0]
        said = columns["seed"].reshape(seeds.shape)[t, e]
        return [
            f"{len(wrong)} of {seeds.size} seeds are not the protocol's; first in "
            f"{split.target[t].label}, episode {e}: {said} recorded, {seeds[t, e]} due"
        ]
    return []


def _same_split(one: SplitEntry, other: SplitEntry) -> bool:
    def exact(split: SplitEntry) -> SplitEntry:
        target = tuple(task.model_copy(update={"distance": None}) for task in split.target)
        return split.model_copy(update={"target": target})

    return exact(one) == exact(other) and all(
        a.distance is not None
        and b.distance is not None
        and abs(a.distance - b.distance) <= _DISTANCE_TOLERANCE
        for a, b in zip(one.target, other.target, strict=True)
    )


def _unexplained_settings(record: RunRecord, registry: Registry) -> list[str]:
    """Whether a row shows all settings that differ from the method's defaults, if that is known."""
    entry = registry.methods.get(record.method)
    if entry is None or entry.version != record.method_version:
        return []
    try:
        config_class = registry.method_class(record.method).Config
        budget = record.protocol.budget(config_class.model_fields)
        expected = config_class.model_validate(budget | record.overrides, strict=False)
    except HyperbenchError:
        return []  # not installed whole; what was generated can be played all the same
    except ValidationError as error:
        return [f"overrides are none that {record.method} takes: {error.errors()[0]['msg']}"]
    wanted = expected.model_dump(mode="json")
    names = sorted(name for name in wanted | record.config if not _equal_at(name, wanted, record))
    if not names:
        return []
    return [
        f"config differs in {', '.join(names)} from what overrides make of {record.method} "
        f"version {entry.version} as installed"
    ]


def _equal_at(name: str, wanted: dict[str, Any], record: RunRecord) -> bool:
    return name in wanted and name in record.config and wanted[name] == record.config[name]
