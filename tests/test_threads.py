"""Threads of linear algebra, of libraries that are imported before and of such that come later."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os
from hyperbench.threads import single_threaded
os.environ.pop("MKL_NUM_THREADS", None)
with single_threaded():
    import torch
    print(torch.get_num_threads())
print(torch.get_num_threads(), os.environ["OMP_NUM_THREADS"], "MKL_NUM_THREADS" in os.environ)
"""


def test_a_library_that_is_imported_inside_keeps_to_one_thread():
    """A worker imports torch in its first run; all its threads would give other sums."""
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "OMP_NUM_THREADS": "3"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["1", "1", "3", "False"]
