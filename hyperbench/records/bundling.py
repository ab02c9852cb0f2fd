"""Writing bundles: what a committed board keeps of its runs, and which policies those are."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from hyperbench.errors import DataError
from hyperbench.records.bundle import (
    TABLE,
    WEIGHTS,
    Bundle,
    checksum_of_columns,
    checksums_of_policies,
    due_seeds,
    table_of,
)
from hyperbench.records.bundled import BundledRun, open_run
from hyperbench.records.lines import LINES, SHARED, with_pooled
from hyperbench.records.store import EPISODES, POLICIES, StoredRun
from hyperbench.registry import Registry
from hyperbench.seeding import SEED_BITS, child_seed, content_hash

_FAULTS = {"shuffled_spec", "spec_noise", "hidden_feature"}
_ROW = {"method", "method_version", "config", "device", *_FAULTS}
"""What runs of one row have in common."""
MOST_NUMBERS = 2**16
"""How many the kept policies of a row have; if all would have more, as many are expected."""


def due_policies(runs: Iterable[StoredRun]) -> dict[str, list[int]]:
    """Which policies a board keeps: of each row and family one target task's, of one run.

    Where those of a row would have more than ``MOST_NUMBERS`` numbers in all, it is only some of
    its families. All is drawn by a hash of what the runs of that row and family say, so that nobody
    can choose, and one family's draw does not depend on another's.

    Args:
        runs: of a board, or of one method of it.

    Returns:
        Positions of target tasks, by the key of the run.
    """
    rows: dict[str, dict[str, list[StoredRun]]] = {}
    for run in sorted(runs, key=lambda run: run.record.key):
        if POLICIES in run.record.sha256:
            row = content_hash(run.record.model_dump(mode="json", include=_ROW))
            rows.setdefault(row, {}).setdefault(run.record.family, []).append(run)
    due = {}
    for families in rows.values():
        for found in families.values():
            size = max(run.record.cost.policy_parameters or 0 for run in found) * len(families)
            said = [run.record.content_sha256 or run.record.key for run in found]
            if size * child_seed(0, "kept family", *said) >= MOST_NUMBERS << SEED_BITS:
                continue
            every = [(run.record.key, i) for run in found for i in range(len(run.record.targets))]
            key, position = every[child_seed(0, "kept policy", *said) % len(every)]
            due[key] = [position]
    return due


def lacks_due(run: BundledRun) -> str | None:
    """Say which policy of a run its board should keep and does not; None if none."""
    due = _due_in(run.folder.parent, Bundle.read(run.folder.parent))
    lost = [i for i in due.get(run.record.key, ()) if i not in run.kept_tasks]
    if not lost:
        return None
    return f"the board should keep the policy of task {run.record.targets[lost[0]].key}"


@lru_cache(maxsize=8)
def _due_in(path: Path, bundle: Bundle) -> dict[str, list[int]]:
    return due_policies([open_run(path / key) for key in bundle.entries])


def write_bundles(
    folder: Path, runs: Sequence[StoredRun], registry: Registry, *, all_policies: bool = False
) -> None:
    """Write the bundles of all methods of a board.

    Args:
        folder: receives them.
        runs: in folders of their own or in bundles.
        registry: resolves kinds of policies.
        all_policies: keep those of all target tasks.

    Raises:
        DataError: a run is damaged, or a policy that is to be kept lies nowhere.
    """
    shared: dict[str, Any] = {}
    by_method: dict[str, list[StoredRun]] = {}
    for run in sorted(runs, key=lambda run: run.record.key):
        by_method.setdefault(run.record.method, []).append(run)
    for method, of_method in sorted(by_method.items()):
        due = due_policies(of_method)
        lines, tables = [], []
        arrays: dict[str, npt.NDArray[Any]] = {}
        kept: dict[str, dict[str, Any]] = {}
        for run in of_method:
            key = run.record.key
            line: dict[str, Any] = {"record": _pooled(run, shared), "episodes": None}
            line["policies"] = []
            if EPISODES in run.record.sha256:
                columns = run.episodes()
                line["episodes"] = checksum_of_columns(columns)
                if np.array_equal(columns["seed"], due_seeds(run.record)):
                    del columns["seed"]  # a third of all, and anybody's to work out
                tables.append((key, columns))
            if POLICIES in run.record.sha256:
                positions = range(len(run.record.targets)) if all_policies else due.get(key, [])
                line["policies"], found, metadata = _policies(run, list(positions), registry)
                if found:
                    arrays |= {f"{key}/{name}": array for name, array in found.items()}
                    tasks = [run.record.targets[i].key for i in positions]
                    kept[key] = {"tasks": tasks, "metadata": metadata}
            lines.append(json.dumps(line, sort_keys=True, separators=(",", ":")))
        name = quote(method, safe="")
        text = "".join(f"{line}\n" for line in lines)
        (folder / f"{name}{LINES}").write_bytes(lzma.compress(text.encode()))
        if tables:
            (folder / f"{name}{TABLE}").write_bytes(table_of(tables))
        if arrays:
            from safetensors.numpy import save_file

            said = {"policies": json.dumps(kept, sort_keys=True)}
            save_file(arrays, folder / f"{name}{WEIGHTS}", said)
    said_once = json.dumps(shared, sort_keys=True, indent=0)
    (folder / SHARED).write_text(said_once + "\n", encoding="utf-8")


def _pooled(run: StoredRun, shared: dict[str, Any]) -> dict[str, Any]:
    """What the record says, with hashes in place of what many records share."""

    def digest(value: Any) -> str:
        key = content_hash(value)
        shared[key] = value
        return key

    return with_pooled(run.content(), digest)


def _policies(
    run: StoredRun, positions: list[int], registry: Registry
) -> tuple[list[str], Mapping[str, npt.NDArray[Any]], Mapping[str, str]]:
    """Checksums of all policies of a run, and arrays and metadata of those that are kept."""
    tasks = [task.key for task in run.record.targets]
    there = run.kept_tasks
    if lost := [i for i in positions if i not in there]:
        raise DataError(
            f"The board is to keep the policy of {run.folder} for task {tasks[lost[0]]}, which "
            "lies nowhere. Give the folders of all runs of its row."
        )
    policies = run.policies(registry) if there else None
    if isinstance(run, BundledRun):
        checksums = run.policy_checksums
    else:
        checksums = [] if policies is None else checksums_of_policies(policies)
    if policies is None or not positions:
        return checksums, {}, {}
    return checksums, *policies.take([there.index(i) for i in positions]).to_arrays()
