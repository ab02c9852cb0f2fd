"""Files and folders that appear whole or not at all, and checksums."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from hyperbench.disk import link_to_nowhere, refused_by_disk, writing
from hyperbench.errors import DataError

DRAFT = ".draft-"
"""What the names of drafts begin with; readers pass them over."""
_ABANDONED = re.compile(rf"{re.escape(DRAFT)}[0-9a-f]{{16}}(?:-aside-(?P<place>.+))?", re.DOTALL)
_ABANDONED_SECONDS = 3600
"""A draft lives for as long as writing takes; untouched for longer, its owner was killed."""
_NUM_ATTEMPTS = 100
"""At one folder, when others replace it at the same time."""


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_file(path: Path, most: int = 64 * 2**20) -> bytes:
    """A file's content, unless it is larger than what it claims to be ever is.

    Args:
        path: the file.
        most: bytes.

    Raises:
        OSError: it cannot be read.
        DataError: it is too large.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DataError(f"{path} is larger than {most / 2**20:.0f} MiB: not what it should be.")
    return content


@contextmanager
def new_folder(folder: Path, remedy: str, ours: Sequence[str] = ("*",)) -> Iterator[Path]:
    """Write a folder's content as a draft beside it, then put it in place of what was there.

    A reader, or a run that is killed, never sees half a folder. Modes are what the umask says.

    Args:
        folder: where the content belongs.
        remedy: what the user can do when it cannot be written, e.g. which option to change.
        ours: patterns of the files, by their path in the folder, that are replaced or removed; all
            others are somebody's own and stay.

    Yields:
        The draft to write into.

    Raises:
        StorageError: the place cannot be written.
    """
    place = Path(os.path.realpath(folder))  # of a link, what it leads to is replaced
    draft = _draft(place)
    try:
        with writing(folder, remedy):
            if link_to_nowhere(folder):
                raise FileNotFoundError  # and not made: what it leads to may be unplugged
            place.parent.mkdir(parents=True, exist_ok=True)
            _remove_abandoned(place.parent)
            draft.mkdir()
            yield draft
            _settle(draft)
            _keep_others(place, draft, ours)
            _put_in_place(draft, place)
            _sync(place.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_file(path: Path, content: bytes | str, remedy: str = "") -> None:
    """Write one file whole or not at all, replacing what was there; text in UTF-8.

    Args:
        path: the file, or a terminal or pipe.
        content: of it.
        remedy: what the user can do when it cannot be written, e.g. which option to change.

    Raises:
        StorageError: it cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    place = Path(os.path.realpath(path))
    with writing(path, remedy):
        if place.exists() and not place.is_file():
            place.write_bytes(data)
            return
        _remove_abandoned(place.parent)
        draft = _draft(place)
        try:
            draft.write_bytes(data)
            _sync(draft)
            draft.replace(place)
            _sync(place.parent)
        finally:
            draft.unlink(missing_ok=True)


def _draft(place: Path) -> Path:
    return place.with_name(f"{DRAFT}{secrets.token_hex(8)}")


def _settle(draft: Path) -> None:
    """Give every file the mode that the umask says, and see to it that it is on the disk."""
    probe = draft / f"{DRAFT}mode"
    probe.touch()
    mode = probe.stat().st_mode
    probe.unlink()
    for folder, _, files in os.walk(draft):
        for name in files:
            file = Path(folder) / name
            if file.stat().st_mode != mode:  # safetensors lets only the owner read
                with suppress(OSError):  # some file systems have no modes
                    file.chmod(mode)
            _sync(file)
        _sync(Path(folder))


def _sync(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return  # not every system opens folders
    try:
        os.fsync(handle)
    except OSError as error:
        # A full network disk may tell only now; others cannot do it, and say so.
        if refused_by_disk(error) is not None:
            raise
    finally:
        os.close(handle)


def _keep_others(folder: Path, draft: Path, ours: Sequence[str]) -> None:
    """Link whatever is not ours into the draft: there is no moment at which it could be lost."""
    for place, below, files in os.walk(folder):
        links = [name for name in below if (Path(place) / name).is_symlink()]
        for name in (*files, *links):
            path = Path(place) / name
            inside = path.relative_to(folder)
            target = draft / inside
            if os.path.lexists(target) or any(fnmatch(inside.as_posix(), own) for own in ours):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(path, target, follow_symlinks=False)
            except OSError:  # not every file system has links
                shutil.copyfile(path, target, follow_symlinks=False)


def _put_in_place(draft: Path, folder: Path) -> None:
    aside = draft.with_name(f"{draft.name}-aside-{folder.name}")
    try:
        for attempt in range(_NUM_ATTEMPTS):
            if folder.is_dir():
                if _exchange(draft, folder):
                    return
                # Moved away rather than removed: whoever is interrupted here loses nothing.
                shutil.rmtree(aside, ignore_errors=True)
                with suppress(FileNotFoundError):
                    folder.rename(aside)
            try:
                draft.rename(folder)
                return
            except OSError as error:
                taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST)
                if not taken or attempt == _NUM_ATTEMPTS - 1:
                    raise
    except BaseException:
        with suppress(OSError):  # another one's draft has taken the place
            if not folder.exists():
                aside.rename(folder)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step, where the system and the file system can."""
    if sys.platform != "linux":
        return False
    here, swap = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):
        return False
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), swap) == 0)


def _remove_abandoned(folder: Path) -> None:
    """Remove the drafts of processes that were killed, and put back what they had moved away."""
    for path in folder.glob(f"{DRAFT}*"):
        found = _ABANDONED.fullmatch(path.name)
        with suppress(OSError):
            last_change = max(part.lstat().st_ctime for part in (path, *path.rglob("*")))
            if found is None or time.time() - last_change < _ABANDONED_SECONDS:
                continue
            if found["place"] and not (folder / found["place"]).exists():
                path.rename(folder / found["place"])
            elif path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
