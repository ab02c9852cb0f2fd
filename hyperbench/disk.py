"""What a disk refuses, told in one way, whichever library meets it."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from hyperbench.errors import HyperbenchError, StorageError, one_line

_HINTS = {
    errno.ENOSPC: "Make room there, and the same command goes on.",
    errno.EDQUOT: "Make room there, and the same command goes on.",
    errno.EFBIG: "",
    errno.EROFS: "",
    errno.EIO: "",
    errno.ENOLCK: "If its file system has no locks, set HDF5_USE_FILE_LOCKING=FALSE.",
}
"""What a disk refuses, whichever library tells of it, and what helps beside another place."""


def refused_by_disk(error: BaseException) -> int | None:
    """The ``errno`` of a full, broken or read-only disk; None if the error is of another kind.

    Safetensors, HDF5 and Arrow tell of it by errors of their own, in the system's words.
    """
    said = one_line(error)
    for code in _HINTS:
        if getattr(error, "errno", None) == code or os.strerror(code) in said:
            return code
    return None


def writing(place: Path, remedy: str) -> AbstractContextManager[None]:
    """Tell in one way of everything that keeps a place from being written.

    Args:
        place: what is written.
        remedy: what the user can do when it cannot be, e.g. which option to change.

    Raises:
        StorageError: it cannot be written.
    """
    return _told(place, "written", remedy)


def reading(place: Path, remedy: str = "") -> AbstractContextManager[None]:
    """Tell in one way of everything that keeps a place from being read; as ``writing``."""
    return _told(place, "read", remedy)


def check_writable(folder: Path, remedy: str) -> None:
    """Find out before an hour of fitting whether its result can be kept.

    Args:
        folder: made where there is none.
        remedy: what the user can do when it cannot be written.

    Raises:
        StorageError: the place cannot be written.
    """
    with writing(folder, remedy):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def require_room(folder: Path, num_bytes: int) -> None:
    """Find out whether so much can be written below a folder, and leave nothing there.

    Raises:
        OSError: it cannot.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, num_bytes)


@contextmanager
def _told(place: Path, done: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        code = refused_by_disk(error)
        if code is None and not isinstance(error, OSError):
            raise
        reason = os.strerror(code) if code else _reason(place, error)
        advice = " ".join(part for part in (_HINTS.get(code or 0), remedy) if part)
        raise StorageError(f"{place} cannot be {done}: {reason}. {advice}".strip()) from error


def _reason(place: Path, error: Exception) -> str:
    if link := link_to_nowhere(place):  # the system says that it exists
        return f"{link} is a link to {link.readlink()}, where nothing is"
    return getattr(error, "strerror", None) or str(error)


def link_to_nowhere(place: Path) -> Path | None:
    """The link above a place, or the place itself, that leads to nothing; None if none does."""
    above = (place, *place.parents)
    return next((path for path in above if path.is_symlink() and not path.exists()), None)


def data_dir_or_cache(given: Path | None) -> Path:
    """Where demonstrations are: the folder given, or the user's cache.

    Raises:
        HyperbenchError: none is given, and the user has no home.
    """
    import platformdirs

    if given is not None:
        return given
    try:
        return Path(platformdirs.user_cache_dir("hyperbench")) / "demonstrations"
    except RuntimeError as error:
        raise HyperbenchError(
            f"There is no place for demonstrations ({error}): give one with --data-dir."
        ) from error
