"""What was found on fresh tasks, as ``verify --fresh SECRET --json`` said it."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pages import HERE

from hyperbench.commands.fresh import FreshRow
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import installed
from hyperbench.table import fixed
from hyperbench.verification.fresh import fresh_tasks

FRESH = HERE / "fresh"
"""What was said of boards, each by its suite and protocol."""


@dataclass(frozen=True)
class Fresh:
    """What ``verify --fresh SECRET --json`` said.

    Args:
        secret: that drew the tasks.
        number: of tasks of each family.
        rows: as it judged them.
    """

    secret: str
    number: int
    rows: list[FreshRow]

    @classmethod
    def read(cls, path: Path) -> Fresh:
        """Of a file that has what was printed."""
        said = json.loads(path.read_text(encoding="utf-8"))
        rows = [FreshRow(**row) for row in said["rows"]]
        return cls(said["secret"], said["fresh_tasks"], rows)

    def distances(self, rules: EvalProtocol) -> tuple[str, str]:
        """How far public and fresh tasks are from the nearest source task, means over splits."""
        public, new = [], []
        for name in sorted({row.family for row in self.rows}):
            family = installed().make_family(name)
            drawn = fresh_tasks(family, self.secret, self.number)
            for pair in rules.seeds:
                split = rules.split(family, pair.split)
                for found, tasks in ((public, split.target), (new, drawn)):
                    found += [split.source_distances(task).min() for task in tasks]
        return fixed(np.mean(public), 2), fixed(np.mean(new), 2)

    def verdict(self, controls: Collection[str]) -> str:
        """Which rows but these keep less than before, by more than chance."""
        rows = [row for row in self.rows if row.row not in controls]
        lower = [row for row in rows if row.verdict.startswith("lower")]
        if not lower:
            return "none is lower by more than chance"
        return ", ".join(f"`{row.row}` on `{row.family}` is {row.verdict}" for row in lower)
