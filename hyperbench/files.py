"""Folders that appear whole or not at all, and checksums."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hyperbench.errors import DataError


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
        DataError: the place cannot be written.
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
    except OSError as error:
        raise _cannot_write(folder, error, remedy) from error
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


def _cannot_write(folder: Path, error: OSError, remedy: str) -> DataError:
    return DataError(f"{folder} cannot be written: {_reason(folder, error)}. {remedy}")


def _reason(folder: Path, error: OSError) -> str:
    for place in (folder, *folder.parents):
        if place.is_symlink() and not place.exists():  # the system says that it exists
            return f"{place} is a link to {place.readlink()}, where nothing is"
    return error.strerror or str(error)
