"""Folders that appear whole or not at all, and checksums."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hyperbench.errors import DataError, NoRoomError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_folder(folder: Path, remedy: str) -> Iterator[Path]:
    """Write a folder's content as a draft beside it, then put it in place of what was there.

    A reader, or a run that is killed, never sees half a folder.

    Args:
        folder: where the content belongs.
        remedy: what the user can do when it cannot be written, e.g. which option to change.

    Yields:
        The draft to write into.

    Raises:
        NoRoomError: the place cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder.parent))
    except OSError as error:
        raise _cannot_write(folder, error, remedy) from error
    replaced = draft.with_name(f"{draft.name}-replaced")
    try:
        yield draft
        draft.chmod(0o755)  # mkdtemp's folders are closed to everybody else
        # Moved away rather than removed: whoever is interrupted here loses nothing.
        if folder.is_dir():
            folder.rename(replaced)
        draft.rename(folder)
    except Exception as error:
        if isinstance(error, OSError) or is_no_room(error):
            raise _cannot_write(folder, error, remedy) from error
        raise
    finally:
        if replaced.exists() and not folder.exists():
            replaced.rename(folder)
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(replaced, ignore_errors=True)


def check_writable(folder: Path, remedy: str) -> None:
    """Find out before an hour of fitting whether its result can be kept.

    Args:
        folder: made where there is none.
        remedy: what the user can do when it cannot be written.

    Raises:
        DataError: the place cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise DataError(
            f"Runs cannot be written to {folder}: {_reason(folder, error)}. {remedy}"
        ) from error


def is_no_room(error: BaseException) -> bool:
    """Whether an error is the disk's, or says so in a library's own words."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _NO_ROOM
    return any(os.strerror(number) in str(error) for number in _NO_ROOM)


def _cannot_write(folder: Path, error: Exception, remedy: str) -> NoRoomError:
    return NoRoomError(f"{folder} cannot be written: {_reason(folder, error)}. {remedy}")


def _reason(folder: Path, error: Exception) -> str:
    for place in (folder, *folder.parents):
        if place.is_symlink() and not place.exists():  # the system says that it exists
            return f"{place} is a link to {place.readlink()}, where nothing is"
    return getattr(error, "strerror", None) or str(error)
