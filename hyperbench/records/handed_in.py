"""Policies that are handed in: by the keys of their tasks, from wherever they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from hyperbench.errors import DataError, listed
from hyperbench.policy import StorablePolicies
from hyperbench.records.bundle import checksums_of_policies
from hyperbench.records.policies import read_policies
from hyperbench.registry import Registry
from hyperbench.seeding import content_hash
from hyperbench.task import TaskSpec

_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class HandedIn:
    """Policies, each of one task.

    Args:
        by_task: one policy each, by the keys of their tasks.
    """

    by_task: Mapping[str, StorablePolicies]

    @classmethod
    def in_order(cls, policies: StorablePolicies, tasks: Sequence[TaskSpec]) -> HandedIn:
        """Policies of some tasks, in their order.

        Raises:
            DataError: there are more or fewer.
        """
        if policies.num_tasks != len(tasks):
            raise DataError(
                f"{policies.num_tasks} policies for {len(tasks)} target tasks. Hand in one for "
                "each, in the order of the split, or each by the key of its task."
            )
        return cls({task.key: policies.take([i]) for i, task in enumerate(tasks)})

    @classmethod
    def read(cls, folder: Path, registry: Registry) -> HandedIn:
        """Read a folder with a file for each task, ``KEY.safetensors``, as records keep policies.

        Raises:
            DataError: there is no such file, or one holds something else than one policy.
            UnknownNameError: no installed plugin registers their kind.
        """
        found = {path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))}
        if not found:
            raise DataError(f"{folder} holds no policy: no file called TASK_KEY{_SUFFIX}.")
        by_task = {key: read_policies(path, registry) for key, path in found.items()}
        for key, policies in by_task.items():
            if policies.num_tasks != 1:
                raise DataError(
                    f"{found[key]} holds {policies.num_tasks} policies, not that of one task."
                )
        return cls(by_task)

    @cached_property
    def checksum(self) -> str:
        """What tells them from others, of whatever tasks."""
        sums = {key: checksums_of_policies(each)[0] for key, each in self.by_task.items()}
        return content_hash(sums)

    def of(self, tasks: Sequence[TaskSpec]) -> StorablePolicies:
        """The policies of some tasks, in their order.

        Raises:
            DataError: one is missing, or they are not of one shape.
        """
        if missing := [f"{t.key} ({t.label})" for t in tasks if t.key not in self.by_task]:
            raise DataError(f"No policy was handed in for the target tasks {listed(missing)}.")
        return _joined([self.by_task[task.key] for task in tasks])


def _joined(policies: Sequence[StorablePolicies]) -> StorablePolicies:
    """Stack policies of one task each."""
    first = policies[0]
    if len({type(each) for each in policies}) > 1:
        raise DataError("The policies are of several kinds, and a record keeps one.")
    arrays, metadata = first.to_arrays()
    twice, _ = first.take([0, 0]).to_arrays()
    every = [each.to_arrays() for each in policies]
    if any(said != metadata or found.keys() != arrays.keys() for found, said in every):
        raise DataError("The policies differ in their layers, or in what their files say.")
    joined = {}
    for name, array in arrays.items():
        parts = [found[name] for found, _ in every]
        is_shared = twice[name].shape == array.shape
        if any(part.shape != array.shape for part in parts):
            raise DataError(f"The policies differ in the shape of {name}; it must be one.")
        if is_shared and not all(np.array_equal(part, array) for part in parts):
            raise DataError(
                f"The policies differ in {name}, which those of kind {first.kind!r} share. Hand in "
                "policies that do, such as with their scales folded into the first layer."
            )
        joined[name] = array if is_shared else np.concatenate(parts)
    return type(first).from_arrays(joined, metadata)
