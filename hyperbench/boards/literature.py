"""Figures that papers report: shown as they stand there, never beside measured rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, model_validator

from hyperbench.errors import DataError
from hyperbench.files import read_file
from hyperbench.table import MISSING, Table, markdown_table

PUBLISHED = "published.json"


class LiteratureTable(BaseModel):
    """One table of a paper."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    title: str
    """What is compared, on what."""
    source: str
    """The paper."""
    url: str
    """Where the paper is."""
    table: str
    """Which table of the paper it is, and how far that was checked."""
    metric: str
    """What the numbers are, with their range."""
    remarks: tuple[str, ...] = ()
    """What keeps them from being compared with measured rows."""
    key: str = "method"
    """What the rows differ in."""
    columns: tuple[str, ...]
    """What the columns are, as far as there is one the family or suite that comes nearest."""
    rows: dict[str, tuple[float | None, ...]]
    """Per row its numbers; None where the paper has none."""

    @model_validator(mode="after")
    def _check_rows(self) -> LiteratureTable:
        for name, values in self.rows.items():
            if len(values) != len(self.columns):
                raise ValueError(f"row {name!r} has {len(values)} of {len(self.columns)} numbers")
        return self

    @property
    def cells(self) -> Table:
        """The table, ready to print."""
        return Table(
            title=f"Published, not measured here: {self.title}",
            header=(self.key, *self.columns),
            rows=tuple(
                (name, *(MISSING if value is None else f"{value:g}" for value in values))
                for name, values in self.rows.items()
            ),
            dimmed=(False,) * len(self.rows),
        )

    @property
    def markdown(self) -> str:
        """The table and its notes."""
        parts = [markdown_table(self.cells), *(f"Note: {note}" for note in self.notes)]
        return "\n\n".join(parts) + "\n"

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know to read the numbers rightly."""
        return (f"{self.metric}.", f"{self.source}: {self.table}. {self.url}", *self.remarks)


def find_literature(folders: Sequence[Path]) -> dict[Path, list[LiteratureTable]]:
    """The published tables in folders or directly below them; folders without any are left out.

    Raises:
        DataError: a file of such tables is damaged.
    """
    found = {}
    for folder in folders:
        files = sorted({*folder.glob(PUBLISHED), *folder.glob(f"*/{PUBLISHED}")})
        if files:
            found[folder] = [table for file in files for table in _read(file)]
    return found


def _read(file: Path) -> list[LiteratureTable]:
    try:
        return TypeAdapter(list[LiteratureTable]).validate_json(read_file(file))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise DataError(f"{file} holds no published tables: {where}: {first['msg']}.") from error
