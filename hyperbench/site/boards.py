"""The committed boards as the site shows them: their pages, and whose rows are on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hyperbench.boards.row import Row
from hyperbench.errors import DataError
from hyperbench.records.find import RECORDS, find_runs
from hyperbench.records.gather import PROTOCOL
from hyperbench.report.content import BoardContent, read_content


@dataclass(frozen=True)
class SiteBoard:
    """One committed board.

    Args:
        suite: what it is about.
        protocol: under which it was measured.
        number: of the boards of this suite and protocol, from 1; there are several where a family
            occurs in several worlds.
        content: rows and runs; its title names suite and protocol.
    """

    suite: str
    protocol: str
    number: int
    content: BoardContent

    @property
    def page(self) -> str:
        """The name of its page."""
        return file_name(
            self.suite, self.protocol, *([str(self.number)] if self.number > 1 else [])
        )

    @property
    def methods(self) -> dict[str, str]:
        """Per row of a method the method's name, without settings; controls left out."""
        named = {
            run.method: run.record.method for run in self.content.runs if not run.record.is_arm
        }
        return {row.method: named[row.method] for row in self.rows if row.method in named}

    @property
    def rows(self) -> Sequence[Row]:
        """Best first."""
        return self.content.board.rows


def read_boards(folder: Path) -> list[SiteBoard]:
    """Read every committed board in or below a folder, by suite and protocol.

    Raises:
        DataError: there is none, or a board is damaged.
    """
    places = sorted(
        path.parent for path in folder.rglob(PROTOCOL) if (path.parent / RECORDS).is_dir()
    )
    if not places:
        raise DataError(f"No board in {folder}. Give the folder that `hyperbench publish` writes.")
    found = []
    for place in places:
        for number, content in enumerate(read_content(find_runs([place / RECORDS])), start=1):
            named = replace(content, board=replace(content.board, title=content.name))
            found.append(
                SiteBoard(content.suite, content.runs[0].record.protocol.id, number, named)
            )
    return found


def file_name(*parts: str) -> str:
    """A page's name, of whatever letters."""
    return re.sub(r"[^\w.-]+", "-", "-".join(parts)).strip("-") + ".html"
