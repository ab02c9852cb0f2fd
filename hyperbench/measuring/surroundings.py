"""Surroundings: what a stranger's code may change in its process is put back after it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np


@contextmanager
def restored() -> Iterator[None]:
    """Put back what the code inside changes: the next run must find what the first one found.

    That is the working directory, environment variables, torch's default dtype and gradient mode,
    NumPy's handling of floating-point errors, and the filters of warnings.
    """
    directory, environment = Path.cwd(), dict(os.environ)
    torch = sys.modules.get("torch")
    # Where torch is not imported yet, it will be as it is when new.
    grad = True if torch is None else torch.is_grad_enabled()
    dtype = None if torch is None else torch.get_default_dtype()
    errors, filters = np.geterr(), warnings.filters[:]
    try:
        yield
    finally:
        os.chdir(directory)
        if os.environ != environment:
            os.environ.clear()
            os.environ.update(environment)
        torch = sys.modules.get("torch")
        if torch is not None:
            torch.set_grad_enabled(grad)
            torch.set_default_dtype(torch.float32 if dtype is None else dtype)
        np.seterr(**errors)
        warnings.filters[:] = filters  # type: ignore[index]  # a list, whatever its stub says
