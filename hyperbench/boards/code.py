"""Which runs of a board were made by which code, as far as their records tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hyperbench.records.record import RunRecord


def mixed_rows(records: Sequence[RunRecord], labels: Mapping[str, str]) -> dict[str, list[str]]:
    """Which rows hold runs of different code: per row the method or families it differs of.

    Args:
        records: of one board.
        labels: per run key the name of its row.
    """
    rows: dict[str, list[RunRecord]] = {}
    for record in records:
        rows.setdefault(labels[record.key], []).append(record)
    found = {row: _differing(of_row, of_row[0].method) for row, of_row in rows.items()}
    return {row: names for row, names in sorted(found.items()) if names}


def code_notes(records: Sequence[RunRecord], labels: Mapping[str, str]) -> tuple[str, ...]:
    """What a reader must know of the code behind a board; arguments as of ``mixed_rows``."""
    notes = []
    mixed = mixed_rows(records, labels)
    if mixed:
        rows = ", ".join(f"{row} ({', '.join(names)})" for row, names in mixed.items())
        notes.append(f"Runs of one row were made by different code, of what is named: {rows}.")
    told = {name for names in mixed.values() for name in names}
    if between := [name for name in _differing(records) if name not in told]:
        notes.append(f"Rows were made by different code of: {', '.join(between)}.")
    dirty: dict[str, set[str]] = {}
    unknown: dict[str, set[str]] = {}
    files: dict[str, set[str]] = {}
    for record in records:
        for file in record.plugins:
            files.setdefault(f"{file.name} {file.version}", set()).add(labels[record.key])
        for name in record.provenance.changed:
            dirty.setdefault(name, set()).add(labels[record.key])
        for name, why in record.provenance.unknown.items():
            unknown.setdefault(f"{name} ({why})", set()).add(labels[record.key])
    notes += _by_rows("Measured with the plugged-in file", files)
    notes += _by_rows("Measured with uncommitted changes to", dirty)
    notes += _by_rows("It is not known whether there were uncommitted changes to", unknown)
    return tuple(notes)


def _differing(records: Sequence[RunRecord], method: str | None = None) -> list[str]:
    """Names of the method, if one is given, and the families of which some code differs.

    What is not known, in older records, differs from nothing.
    """
    families = sorted({record.family for record in records})
    named = [
        (family, (r.fingerprints.family for r in records if r.family == family))
        for family in families
    ]
    if method is not None:
        named.insert(0, (method, (record.fingerprints.method for record in records)))
    return [name for name, found in named if len(set(found) - {None}) > 1]


def _by_rows(said: str, what: Mapping[str, Iterable[str]]) -> list[str]:
    """One note for all that is said of the same rows."""
    names: dict[tuple[str, ...], list[str]] = {}
    for name, rows in sorted(what.items()):
        names.setdefault(tuple(sorted(rows)), []).append(name)
    return [f"{said} {', '.join(of)}: {', '.join(rows)}." for rows, of in names.items()]
