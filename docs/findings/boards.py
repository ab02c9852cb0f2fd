"""What the committed boards say: ``docs/findings.md``, made of their records.

``python boards.py`` fills the numbers of ``boards.md.j2`` in; a test does the same and compares.
Every number of a sentence is followed by the command that prints it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import jinja2
import pandas as pd

from hyperbench.boards.comparison import BoardComparison, compare
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.literature import find_literature
from hyperbench.boards.row import Board, Estimate, Row
from hyperbench.boards.scores import task_table
from hyperbench.records.bundled import open_run
from hyperbench.records.find import find_runs
from hyperbench.statistics.scores import t_interval
from hyperbench.table import MISSING

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "findings.md"
EXPERT = "expert"


@dataclass(frozen=True)
class Measured:
    """One committed board, and what can be said of it."""

    name: str
    """Suite and protocol, as its folder below ``leaderboards``."""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return ROOT / "leaderboards" / self.name

    @cached_property
    def board(self) -> Board:
        """Its rows, best first."""
        [board] = make_boards(find_runs([self.folder]))
        return board

    @cached_property
    def tasks(self) -> pd.DataFrame:
        """One line a run and target task."""
        return task_table([open_run(run) for run in find_runs([self.folder])])

    def row(self, method: str) -> Row:
        """The row of that name."""
        [row] = (row for row in self.board.rows if row.method == method)
        return row

    def said(self, method: str, statistic: str | None = None) -> str:
        """A row's number and its interval; by default the headline."""
        return text(self.row(method)[statistic or self.board.headline.name])

    def has(self, *methods: str) -> bool:
        """Whether these rows are on it."""
        return set(methods) <= {row.method for row in self.board.rows}

    @property
    def best(self) -> str:
        """The first row that is no control."""
        return next(row.method for row in self.board.rows if not row.is_control)

    def leaders(self) -> str:
        """The rows of rank 1, best first."""
        return ", ".join(f"`{row.method}`" for row in self.board.rows if row["rank"].value == 1)

    def compared(self, one: str, other: str) -> BoardComparison:
        """Two rows, family by family."""
        [found] = compare(find_runs([self.folder]), one, other)
        return found

    def difference(self, one: str, other: str, family: str | None = None) -> str:
        """The score of one row less another's, with the command that says so."""
        parts = self.compared(one, other).comparisons
        [part] = parts[-1:] if family is None else (p for p in parts if p.family == family)
        low, high = part.difference_interval or (None, None)
        found = text(Estimate(part.difference, low, high), sign="+")
        return f"{found} | `hyperbench compare {word(one)} {word(other)} leaderboards/{self.name}`"

    def over_expert(self, method: str, family: str | None = None) -> Estimate:
        """Return over the expert's, the mean of runs with Student's interval."""
        table = self.tasks if family is None else self.tasks[self.tasks["family"] == family]
        by = ["family", "split_seed", "fit_seed"]
        returns = table[table["method"] == method].groupby(by)["mean_return"].mean()
        expert = table[table["method"] == EXPERT].groupby(by[:2])["mean_return"].mean()
        shares = returns.div(expert).groupby(by[1:]).mean().dropna()
        low, high = t_interval(shares) or (None, None)
        return Estimate(None if shares.empty else float(shares.mean()), low, high)

    def table(self) -> str:
        """All rows, as Markdown."""
        headline = self.board.headline.name
        shown = ("above_half", "interpolation", "extrapolation")
        names = (name.replace("_", " ") for name in (headline, *shown))
        header = ["row", "rank", *names, "return / expert"]
        lines = [header, ["---", *["---:"] * (len(header) - 1)]]
        for row in self.board.rows:
            name = f"*{row.method}*" if row.is_control else row.method
            rank = row["rank"].value
            numbers = [text(row[headline]), *(text(Estimate(row[each].value)) for each in shown)]
            share = text(self.over_expert(row.method))
            lines.append([name, MISSING if rank is None else f"{rank:.0f}", *numbers, share])
        return markdown(lines)


@dataclass(frozen=True)
class Findings:
    """Every committed board, by name, and the paper's table."""

    boards: dict[str, Measured] = field(
        default_factory=lambda: {
            name: Measured(name)
            for place in sorted((ROOT / "leaderboards").glob("*/*/protocol.json"))
            for name in [str(place.parent.relative_to(ROOT / "leaderboards"))]
        }
    )

    def published(self) -> str:
        """HyPoGen over the expert beside the paper's, of the columns that were measured."""
        [tables] = find_literature([ROOT / "leaderboards" / "published"]).values()
        found = tables[0]
        lines = [["family", "paper", "here"], ["---", "---:", "---:"]]
        measured = self.boards.get("locomotion/standard-v1")
        shares = zip(found.rows["HyPoGen"], found.rows[EXPERT], strict=True)
        for column, (theirs, expert) in zip(found.columns, shares, strict=True):
            ours = MISSING
            if measured and (label := f"locomotion/{column}-v1") in measured.board.families:
                ours = text(measured.over_expert("hypogen", label))
            share = MISSING if theirs is None or not expert else f"{theirs / expert:.2f}"
            lines.append([f"`{column}`", share, ours])
        return markdown(lines)


def text(found: Estimate, sign: str = "") -> str:
    """A number with its interval, if it has one."""
    if found.value is None:
        return MISSING
    number = f"{found.value:{sign}.3f}"
    if found.interval is None:
        return number
    low, high = found.interval
    return f"{number} [{low:{sign}.3f}, {high:{sign}.3f}]"


def word(row: str) -> str:
    """A row's name, as a shell takes it."""
    return f'"{row}"' if " " in row else row


def markdown(lines: list[list[str]]) -> str:
    """Cells as a table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def page() -> str:
    """The page's text."""
    found = Findings()
    environment = jinja2.Environment(  # noqa: S701 -- Markdown, of our own numbers
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("boards.md.j2").render(
        boards=found.boards, published=found.published
    )


if __name__ == "__main__":
    sys.stdout.write(f"{PAGE.write_text(page(), encoding='utf-8')} characters in {PAGE}\n")
