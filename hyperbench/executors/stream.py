"""Streams: what one process tells another through a file that both see, as it goes on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle

_LENGTH = struct.Struct(">Q")


class Writer:
    """Adds to a stream.

    Args:
        path: the file; made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def tell(self, said: object) -> None:
        """Add something, at once."""
        packed = cloudpickle.dumps(said)
        self._file.write(_LENGTH.pack(len(packed)) + packed)
        self._file.flush()


class Reader:
    """Reads what was added to a stream since the last time.

    Args:
        path: the file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def told(self) -> Iterator[Any]:
        """What is there, whole, and was not read before."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(self._read)
            while len(head := file.read(_LENGTH.size)) == _LENGTH.size:
                [length] = _LENGTH.unpack(head)
                packed = file.read(length)
                if len(packed) < length:  # it is being written
                    return
                self._read = file.tell()
                yield cloudpickle.loads(packed)
