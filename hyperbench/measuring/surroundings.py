"""Surroundings: what a stranger's code may change in its process is put back after it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


@contextmanager
def restored() -> Iterator[None]:
    """Put back what the code inside changes: the next run must find what the first one found."""
    before = surroundings()
    try:
        yield
    finally:
        os.chdir(before["the working directory"])
        if os.environ != before["environment variables"]:
            os.environ.clear()
            os.environ.update(before["environment variables"])
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_grad_enabled(before["torch's gradient mode"])
            torch.set_default_dtype(getattr(torch, before["torch's default dtype"]))
        np.seterr(**before["NumPy's handling of floating-point errors"])
        warnings.filters[:] = before["filters of warnings"]  # type: ignore[index]  # a list, whatever its stub says


def surroundings() -> dict[str, Any]:
    """What a stranger's code may change in its process, and what it is now.

    That is the working directory, environment variables, torch's default dtype and gradient mode,
    NumPy's handling of floating-point errors, and the filters of warnings.
    """
    torch = sys.modules.get("torch")
    # Where torch is not imported yet, it will be as it is when new.
    return {
        "the working directory": Path.cwd(),
        "environment variables": dict(os.environ),
        "torch's gradient mode": True if torch is None else torch.is_grad_enabled(),
        "torch's default dtype": "float32" if torch is None else str(torch.get_default_dtype())[6:],
        "NumPy's handling of floating-point errors": np.geterr(),
        "filters of warnings": warnings.filters[:],
    }
