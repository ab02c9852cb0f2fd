"""Locks: of several processes, on one machine or many, one does what all of them would do.

A lock is a file that the system locks, and so gives free when its owner dies. Where a file system
has no such locks, its owner keeps the file fresh instead; one that was not touched for a while, or
whose owner is a process of this machine that is gone, is taken over.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLease, Timeout

from hyperbench.disk import writing
from hyperbench.errors import DataError
from hyperbench.files import read_file

_FOLDER = ".locks"
_LEASE_SECONDS = 30.0
PATIENCE_SECONDS = 1.5 * _LEASE_SECONDS
"""How long whoever waits must wait at least to take over what a dead owner on another machine
left."""


@dataclass(frozen=True)
class Owner:
    """Who holds a lock.

    Args:
        host: name of the machine.
        pid: of the process.
        since: when it was taken, in seconds since 1970, UTC.
    """

    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    since: float = field(default_factory=time.time)


def lock_path(folder: Path, name: str) -> Path:
    """Where the lock of something in a folder is."""
    return folder / _FOLDER / f"{name}.lock"


@contextmanager
def locked(path: Path, remedy: str, patience: float = 0.0) -> Iterator[bool]:
    """Hold a lock.

    Args:
        path: of its file, from ``lock_path``; nothing is left of it afterwards.
        remedy: what the user can do when its folder cannot be written.
        patience: seconds to wait for it.

    Yields:
        Whether it is held; if not, another process holds it.

    Raises:
        StorageError: the folder cannot be written.
    """
    with writing(path.parent, remedy):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
        is_held = _is_acquired(lock, patience)
    if not is_held:
        yield False
        return
    owner = _owner_path(path)
    try:
        with suppress(OSError):  # who it is is for people alone
            owner.write_text(json.dumps(asdict(Owner())), encoding="utf-8")
        yield True
    finally:
        with suppress(OSError):
            owner.unlink(missing_ok=True)
            if isinstance(lock, FileLock):
                # While it is held: whoever waits sees that the file is gone, and makes another.
                path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def awaited(path: Path, remedy: str, tell: Callable[[], object]) -> Iterator[None]:
    """Hold a lock, however long that takes.

    Args:
        path: as for ``locked``.
        remedy: as for ``locked``.
        tell: called each time that another process is found to hold it.

    Raises:
        StorageError: the folder cannot be written.
    """
    patience = 0.0
    while True:
        with locked(path, remedy, patience) as mine:
            if mine:
                yield
                return
        tell()
        patience = PATIENCE_SECONDS


def holder(path: Path) -> Owner | None:
    """Who holds a lock; None if nobody does. Where its owner cannot be read, one without a name."""
    if not path.exists():
        return None
    try:
        lock = _lock(path)
        if _is_acquired(lock, 0.0):
            lock.release()
            return None
    except OSError:  # a folder that may only be read: nobody here can tell
        return None
    try:
        return Owner(**json.loads(read_file(_owner_path(path))))
    except (OSError, DataError, ValueError, TypeError):
        return Owner("another process", 0)


@cache
def has_locks(folder: Path) -> bool:
    """Whether the file system below a folder, which there must be, has locks.

    Raises:
        OSError: it cannot be written.
    """
    place = folder / _FOLDER
    place.mkdir(exist_ok=True)
    probe = place / f"probe-{socket.gethostname()}-{os.getpid()}"
    try:
        with FileLock(probe, timeout=1, fallback_to_soft=False):
            return True
    except (OSError, NotImplementedError, Timeout):
        return False
    finally:
        probe.unlink(missing_ok=True)


def _lock(path: Path) -> BaseFileLock:
    if has_locks(path.parent.parent):
        return FileLock(path, fallback_to_soft=False)
    return SoftFileLease(path, lease_duration=_LEASE_SECONDS)


def _is_acquired(lock: BaseFileLock, patience: float) -> bool:
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        return False
    return True


def _owner_path(path: Path) -> Path:
    return path.with_suffix(".owner")
