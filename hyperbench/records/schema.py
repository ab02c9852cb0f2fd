"""A record's file, checked before anything in it is believed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pydantic import ValidationError

from hyperbench.errors import DataError, NewerRecordError
from hyperbench.files import read_file
from hyperbench.records.record import RunRecord

AGAIN = "Run it again with: hyperbench run (or restore it from a copy, if it was published)."
"""What to do about a damaged run."""
_NEWEST: int = RunRecord.model_fields["schema_version"].default


def read_record(path: Path) -> RunRecord:
    """Read the file of a record.

    Raises:
        DataError: there is none, it is damaged, of an unknown schema, or names places outside.
        NewerRecordError: it says what only a newer version of hyperbench understands.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise DataError(f"No record at {path}: {error.strerror}.") from error
    return as_record(content, path)


def as_record(content: bytes | Mapping[str, Any], path: Path) -> RunRecord:
    """Read what a record says.

    Args:
        content: the text of a file, or what is parsed of it.
        path: of the file, for errors.

    Raises:
        DataError: as of ``read_record``.
        NewerRecordError: likewise.
    """
    try:
        if isinstance(content, bytes):
            record = RunRecord.model_validate_json(content)
        else:
            record = RunRecord.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise _refusal(path, error) from error
    for field, name in _names(record):
        if not _stays_inside(name) or (field != "sha256" and "/" in name):
            raise DataError(
                f"{path} is not a run's record: {field}: {name!r} leads out of its folder."
            )
    return record


def _names(record: RunRecord) -> list[tuple[str, str]]:
    """What becomes part of paths."""
    return [
        ("key", record.key),
        ("protocol.id", record.protocol.id),
        ("family", record.family.partition("/")[0]),
        *(("sha256", name) for name in record.sha256),
    ]


def _stays_inside(name: str) -> bool:
    parts = PurePosixPath(name).parts
    odd = name.startswith("/") or "\0" in name or bool(PureWindowsPath(name).drive)
    return bool(parts) and ".." not in parts and not odd and "\\" not in name


def _refusal(path: Path, error: ValidationError) -> DataError:
    problems = error.errors()
    # A record of another schema may lack any other field, too.
    first = next((p for p in problems if p["loc"] == ("schema_version",)), problems[0])
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    said = f"{path} is not a run's record: {where}: {first['msg']}."
    version = first["input"] if where == "schema_version" else _NEWEST
    is_newer = isinstance(version, int) and version > _NEWEST
    if is_newer or any(problem["type"] == "extra_forbidden" for problem in problems):
        return NewerRecordError(
            f"{said} It is of a newer version of hyperbench: update this one, or keep the two "
            "apart, each with an --output-dir of its own."
        )
    if where == "schema_version":
        advice = "It is of another version of hyperbench: measure it again with that or this one."
    else:
        advice = AGAIN
    return DataError(f"{said} {advice}")
