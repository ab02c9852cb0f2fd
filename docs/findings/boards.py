"""What the committed boards say: ``docs/findings.md``, made of their records.

``python boards.py`` fills the numbers of ``boards.md.j2`` in; a test does the same and compares.
Every number of a sentence is followed by the command that prints it.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from judged import FRESH, Fresh
from pages import HERE, markdown, mean, render, signed, text

from hyperbench.boards.choice import Choice, find_chosen
from hyperbench.boards.comparison import Comparison, compare_rows
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.literature import find_literature
from hyperbench.boards.row import Board
from hyperbench.protocol import EvalProtocol
from hyperbench.records.bundled import open_run
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun
from hyperbench.registry import installed
from hyperbench.report.content import BoardContent, read_content
from hyperbench.site.boards import read_boards
from hyperbench.table import MISSING, fixed

ROOT = Path(__file__).parents[2]
BOARDS = ROOT / "leaderboards"
UNFINISHED = HERE / "unfinished"
PAGE = ROOT / "docs" / "findings.md"
STUDIES = {
    "hypogen": "HyPoGen's claim",
    "where_it_breaks": "where methods begin to fail",
}
EXPERT = "expert"
PUBLISHED = ("locomotion/standard-v1", "manipulation/one-fit-v1")
"""The boards whose families are the paper's, in the order of its tables."""


@dataclass(frozen=True, eq=False)
class Measured:
    """One board, committed or on the way there, and what can be said of it.

    Args:
        place: the folder of its records, from the root of the repository.
        content: rows and runs.
    """

    place: Path
    content: BoardContent

    @property
    def name(self) -> str:
        """Suite and protocol, as its folder below ``leaderboards``."""
        return f"{self.content.suite}/{self.protocol.id}"

    @property
    def protocol(self) -> EvalProtocol:
        """The rules, which all of its runs share."""
        return self.content.runs[0].record.protocol

    @property
    def board(self) -> Board:
        """Its rows, best first."""
        return self.content.board

    @property
    def families(self) -> list[str]:
        """The ids of its families."""
        return sorted({run.record.family for run in self.content.runs})

    def has(self, *methods: str) -> bool:
        """Whether these rows are on it."""
        return set(methods) <= {row.method for row in self.board.rows}

    @property
    def controls(self) -> set[str]:
        """The rows that are controls."""
        return {row.method for row in self.board.rows if row.is_control}

    @property
    def best(self) -> str:
        """The first row that is no control."""
        return next(row.method for row in self.board.rows if not row.is_control)

    def leaders(self) -> str:
        """The rows of rank 1, best first."""
        return ", ".join(f"`{row.method}`" for row in self.board.rows if row["rank"].value == 1)

    def gap(self, one: str, other: str) -> str:
        """The score of one row less another's, paired, as text."""
        overall = self._compared(one, other)
        return signed(overall.difference, overall.difference_interval)

    def difference(self, one: str, other: str) -> str:
        """A gap, who is ahead, and the command that says so, as three cells."""
        low, high = self._compared(one, other).difference_interval or (0, 0)
        ahead = one if low > 0 else other if high < 0 else MISSING
        words = shlex.join(["compare", one, other, str(self.place)])
        return f"{self.gap(one, other)} | {ahead} | `hyperbench {words}`"

    @cache  # noqa: B019 -- there are a dozen, and they live as long as the script
    def _compared(self, one: str, other: str) -> Comparison:
        return compare_rows(self.name, self.content.table, one, other).comparisons[-1]

    def number(self, row: str, statistic: str) -> str:
        """What the table has in a cell, without its interval."""
        [found] = [each for each in self.board.rows if each.method == row]
        return fixed(found[statistic].value, 3)

    def over_expert(self, method: str, family: str | None = None) -> str:
        """Return over the expert's, the mean of runs with Student's interval."""
        table = self.content.table
        table = table if family is None else table[table["family"] == family]
        by = ["family", "split_seed", "fit_seed"]
        returns = table[table["method"] == method].groupby(by)["mean_return"].mean()
        expert = table[table["method"] == EXPERT].groupby(by[:2])["mean_return"].mean()
        return mean(returns.div(expert).groupby(by[1:]).mean().dropna())

    def by_features(self) -> dict[str, list[str]]:
        """Its families by how many features they vary, fewest first."""
        families = self.families
        numbers = {each: len(installed().make_family(each).spec_space.names) for each in families}
        return {
            "1 feature" if number == 1 else f"{number} features": [
                each for each in families if numbers[each] == number
            ]
            for number in sorted(set(numbers.values()))
        }

    def of_parts(self, parts: Mapping[str, Sequence[str]]) -> str:
        """The headline over some families at a time, a column each, as Markdown."""
        found = {}
        for name, families in parts.items():
            places = find_chosen([ROOT / self.place], Choice(suites=families))
            [board] = make_boards(places)
            found[name] = {row.method: row[board.headline.name] for row in board.rows}
        rows = [row.method for row in self.board.rows if not row.is_control]
        lines = [[row, *(text(part[row]) for part in found.values())] for row in rows]
        return markdown(["row", *parts], lines)

    def by_family(self) -> str:
        """The headline in each family, as Markdown."""
        families = self.board.families
        rows = [row for row in self.board.rows if not row.is_control]
        lines = [
            [row.method, *(fixed(self.board.of_family(row, each), 3) for each in families)]
            for row in rows
        ]
        names = (each.partition("/")[2].partition("-v")[0] for each in families)
        return markdown(["row", *names], lines)

    @cached_property
    def fresh(self) -> Fresh | None:
        """What was found on fresh tasks, if that was done."""
        path = FRESH / f"{self.name.replace('/', '-')}.json"
        return Fresh.read(path) if path.is_file() else None

    def fresh_command(self, fresh: Fresh) -> str:
        """What judges those rows again, from the board alone."""
        families = sorted({row.family for row in fresh.rows}) if len(self.families) > 1 else []
        chosen = [word for each in families for word in ("-s", each)]
        return shlex.join(["verify", str(self.place), "--fresh", fresh.secret, *chosen])

    def fresh_table(self, fresh: Fresh) -> str:
        """Public and fresh score of each row in each family, as Markdown."""
        controls, lines = self.controls, []
        for one in sorted(fresh.rows, key=lambda row: (row.family, -row.public)):
            row = f"*{one.row}*" if one.row in controls else one.row
            scores = fixed(one.public, 3), fixed(one.fresh, 3)
            lines.append([f"`{one.family}`", row, *scores, signed(one.difference, one.interval)])
        header = ["family", "row", "public", "fresh", "fresh - public"]
        if len(self.families) == 1:
            header, lines = header[1:], [line[1:] for line in lines]
        return markdown(header, lines)

    def table(self) -> str:
        """All rows, as Markdown."""
        headline = self.board.headline.name
        shown = ("above_half", "interpolation", "extrapolation")
        names = (name.replace("_", " ") for name in (headline, *shown))
        header = ["row", "rank", *names, "return / expert"]
        lines = []
        for row in self.board.rows:
            name = f"*{row.method}*" if row.is_control else row.method
            numbers = [text(row[headline]), *(fixed(row[each].value, 3) for each in shown)]
            rank = fixed(row["rank"].value, 0)
            lines.append([name, rank, *numbers, self.over_expert(row.method)])
        return markdown(header, lines)


def published(boards: Mapping[str, Measured]) -> str:
    """HyPoGen over the expert beside the paper's seventeen columns, of those that were measured."""
    [tables] = find_literature([BOARDS / "published"]).values()
    lines = []
    for found, name in zip(tables, PUBLISHED, strict=False):
        suite, board = name.partition("/")[0], boards.get(name)
        shares = zip(found.rows["HyPoGen"], found.rows[EXPERT], strict=True)
        for column, (theirs, expert) in zip(found.columns, shares, strict=True):
            family = f"{suite}/{column}-v1"
            known = board is not None and family in board.families
            ours = board.over_expert("hypogen", family) if known else MISSING
            share = None if theirs is None or not expert else theirs / expert
            lines.append([f"`{suite}/{column}`", fixed(share, 2), ours])
    return markdown(["family", "paper", "here"], lines)


def core_hours(runs: Iterable[StoredRun]) -> str:
    """What runs took, each on one core, as their records say."""
    parts = ("fit_seconds", "generate_seconds", "rollout_seconds")
    costs = [run.record.cost for run in runs]
    seconds = sum(getattr(cost, part) or 0 for cost in costs for part in parts)
    return f"{seconds / 3600:.1f}"


def took(boards: Mapping[str, Measured]) -> str:
    """How many runs there are of each board and of each study, and their core-hours."""
    found = {f"`{name}`": board.content.runs for name, board in boards.items()}
    for name, label in STUDIES.items():
        runs = [open_run(place) for place in find_runs([HERE / name])]
        found[f"[{label}](findings/{name}.md)"] = runs
    lines = [[name, str(len(runs)), core_hours(runs)] for name, runs in found.items()]
    return markdown(["", "runs", "core-hours"], lines)


def committed() -> dict[str, Measured]:
    """The boards, by name."""
    found = {}
    for board in read_boards(BOARDS):
        place = (BOARDS / board.suite / board.protocol).relative_to(ROOT)
        measured = Measured(place, board.content)
        found[measured.name] = measured
    return found


def unfinished() -> dict[str, Measured]:
    """Boards of which some families are kept, by name."""
    found = {}
    for folder in sorted(UNFINISHED.iterdir()) if UNFINISHED.is_dir() else ():
        [content] = read_content(find_runs([folder]))
        measured = Measured(folder.relative_to(ROOT), content)
        found[measured.name] = measured
    return found


def page() -> str:
    """The page's text."""
    boards, more = committed(), unfinished()
    return render(
        "boards.md.j2",
        boards=boards,
        unfinished=more,
        took=took(boards | more),
        published=published(more | boards),
    )


if __name__ == "__main__":
    sys.stdout.write(f"{PAGE.write_text(page(), encoding='utf-8')} characters in {PAGE}\n")
