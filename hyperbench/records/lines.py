"""The lines of a bundle: a record each, whole again with what many records share.

Neither episodes nor policies are read here, and no NumPy is needed: completion reads them, too.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from hyperbench.errors import DataError, one_line
from hyperbench.files import read_file

LINES = ".jsonl.xz"
PLAIN_LINES = ".jsonl"
"""The ending in bundles from before lines were compressed."""
SHARED = "shared.json"
POOLED = {
    **dict.fromkeys(("split", "family_info", "protocol"), ()),
    "provenance": ("versions", "sources"),
}
"""Fields of records that stand in ``shared.json``: these, or only parts of them."""
MOST_BYTES = 2**30
"""How large a file of a bundle may be."""


@dataclass(frozen=True)
class Entry:
    """What a bundle has of one run, beside its episodes and policies.

    Args:
        content: of the record, as ``record.json`` has it.
        episodes: checksum of its columns; None where there are none.
        policies: checksum of each target task's policy, in the record's order.
    """

    content: dict[str, Any]
    episodes: str | None
    policies: Sequence[str]


def method_of(path: Path) -> str | None:
    """What a bundle's files are called before their endings; None if it is no bundle's lines."""
    for ending in (LINES, PLAIN_LINES):
        if path.name.endswith(ending):
            return path.name.removesuffix(ending)
    return None


def read_lines(path: Path) -> Mapping[str, Entry]:
    """Read the lines of a bundle, by run key; what was read of an unaltered file is kept.

    Raises:
        DataError: a file is missing or damaged.
    """
    try:
        changed = [file.stat().st_mtime_ns for file in (path, path.parent / SHARED)]
    except OSError as error:
        raise DataError(f"No bundle of runs at {path}: {error.strerror}.") from error
    return _read(path, tuple(changed))


def with_pooled(content: Mapping[str, Any], replaced: Callable[[Any], Any]) -> dict[str, Any]:
    """A record's content with other values in place of those of ``POOLED`` that are not empty."""
    changed = dict(content)
    for name, parts in POOLED.items():
        if value := changed.get(name):
            inner = {part: replaced(value[part]) for part in parts if value.get(part)}
            changed[name] = value | inner if parts else replaced(value)
    return changed


@lru_cache(maxsize=64)
def _read(path: Path, changed: tuple[int, ...]) -> Mapping[str, Entry]:  # noqa: ARG001 -- of the cache
    def found(value: Any) -> Any:
        if not isinstance(value, str):
            return value  # older bundles have some of them in full
        if value not in shared:
            raise DataError(
                f"{path.parent / SHARED} lacks what {path.name} refers to as {value}. Restore the "
                "board from a copy."
            )
        return shared[value]

    try:
        shared = json.loads(read_file(path.parent / SHARED, MOST_BYTES))
        text = read_file(path, MOST_BYTES)
        if path.name.endswith(LINES):
            text = _decompressed(text)
        lines = [json.loads(line) for line in text.splitlines()]
        entries = {}
        for line in lines:
            content = with_pooled(line["record"], found)
            entries[str(content["key"])] = Entry(content, line["episodes"], line["policies"])
    except (ValueError, KeyError, TypeError, OSError, lzma.LZMAError) as error:
        raise DataError(f"{path} is no bundle of runs: {one_line(error)}") from error
    return entries


def _decompressed(content: bytes) -> bytes:
    reader = lzma.LZMADecompressor()
    text = reader.decompress(content, MOST_BYTES)
    if not reader.eof:
        raise ValueError("it is cut off, or too large")
    return text
