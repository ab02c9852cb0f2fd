"""Threads: how many there may be, and a place where linear algebra uses one."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from threadpoolctl import threadpool_info, threadpool_limits


def num_cores() -> int:
    """How many cores this process may use, of the machine's and of a container's share of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, math.ceil(min(cores or 1, _granted())))


def _granted(root: Path = Path("/")) -> float:
    """Cores' worth of time that control groups grant this process; infinite if they set no limit.

    Args:
        root: of the file system.
    """
    try:
        memberships = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return math.inf
    shares = [math.inf]
    for membership in memberships:
        _, controllers, group = [*membership.split(":", 2), "", ""][:3]
        if not controllers:  # the second version of control groups
            base, files = root / "sys/fs/cgroup", ["cpu.max"]
        elif "cpu" in controllers.split(","):
            base, files = root / "sys/fs/cgroup/cpu", ["cpu.cfs_quota_us", "cpu.cfs_period_us"]
        else:
            continue
        # A container may see the group's name on its host, and its limit at the base alone.
        group_folder = base / group.lstrip("/")
        for folder in (group_folder, *group_folder.parents):
            if folder.is_relative_to(base):
                with suppress(OSError, ValueError):  # not there, or "max"
                    said = " ".join((folder / file).read_text("utf-8") for file in files)
                    quota, period = map(int, said.split())
                    if quota > 0 and period > 0:
                        shares.append(quota / period)
    return min(shares)


_SAID_TO_NEW_ONES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Environment variables that libraries read while they are imported."""


@contextmanager
def single_threaded() -> Iterator[None]:
    """Let linear algebra use one thread, and check that it does.

    That holds for what is imported inside, too, which keeps its one thread after it.

    One thread makes sums, and so results, independent of the machine's load, and is faster for the
    small matrices of these policies.

    Raises:
        RuntimeError: a library kept more threads.
    """
    torch = sys.modules.get("torch")  # only a method that has imported it needs the setting
    before = torch.get_num_threads() if torch is not None else None
    environment = {name: os.environ.get(name) for name in _SAID_TO_NEW_ONES}
    with threadpool_limits(limits=1):
        if torch is not None:
            torch.set_num_threads(1)
        busy = [pool["prefix"] for pool in threadpool_info() if pool["num_threads"] > 1]
        if busy or (torch is not None and torch.get_num_threads() != 1):
            raise RuntimeError(f"{busy or ['torch']} did not accept a single thread")
        os.environ.update(dict.fromkeys(_SAID_TO_NEW_ONES, "1"))
        try:
            yield
        finally:
            for name, value in environment.items():
                os.environ.pop(name, None)
                if value is not None:
                    os.environ[name] = value
            if torch is not None:
                torch.set_num_threads(before)
