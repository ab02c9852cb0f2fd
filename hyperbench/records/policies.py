"""Policies as a file: what records keep of generated ones, and what experts may be read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter

from hyperbench.errors import DataError, UnknownNameError, one_line
from hyperbench.policy import StorablePolicies
from hyperbench.registry import Registry, installed


def read_policies(path: Path, registry: Registry | None = None) -> StorablePolicies:
    """Read policies from a file as records keep it.

    Args:
        path: of the file.
        registry: resolves their kind; the installed one if not given.

    Raises:
        DataError: the file is missing or unreadable.
        UnknownNameError: no installed plugin registers their kind.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            said = (file.metadata() or {}).get("policies", "{}")
        metadata = TypeAdapter(dict[str, str]).validate_json(said)
        if odd := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            raise ValueError(f"{odd[0]} is not finite")
    except Exception as error:  # each kind of damage has its own
        raise DataError(f"{path} cannot be read: {one_line(error)}") from error
    return policies_of(arrays, metadata, path, registry)


def policies_of(
    arrays: Mapping[str, npt.NDArray[Any]],
    metadata: Mapping[str, str],
    path: Path,
    registry: Registry | None,
) -> StorablePolicies:
    """Make policies of what a file holds of them.

    Args:
        arrays: of the file.
        metadata: likewise.
        path: of the file, for errors.
        registry: resolves their kind; the installed one if not given.

    Raises:
        DataError: the arrays are not those of their kind.
        UnknownNameError: no installed plugin registers it.
    """
    try:
        kind = (registry or installed()).policy_kind(metadata.get("kind", "mlp"))
    except UnknownNameError as error:
        error.args = (f"{path}: {error}",)
        raise
    try:
        return kind.from_arrays(arrays, metadata)
    except Exception as error:  # a kind need not foresee every array
        raise DataError(f"{path} holds no such policies: {one_line(error)}") from error


def write_policies(path: Path, policies: StorablePolicies) -> None:
    """Write policies to a file as records keep it."""
    from safetensors.numpy import save_file

    arrays, metadata = policies.to_arrays()
    # In one entry: safetensors writes several in random order, and the checksum must be the same
    # whenever the policies are.
    save_file(arrays, path, {"policies": json.dumps(metadata, sort_keys=True)})
