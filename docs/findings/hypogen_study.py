"""HyPoGen's claim, one switch at a time.

``python hypogen_study.py plan`` lists the commands, ``run RUNS`` carries them out and goes on
where it was, ``keep RUNS`` keeps what is finished in bundles, ``page RUNS`` writes ``hypogen.md``
and draws the waterfall. What a switch does not touch is the same run, and is not measured again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from hypogen_cells import (
    CELLS,
    CUBE,
    INDEPENDENT,
    LAST,
    METHODS,
    OURS,
    STOPPED,
    STRUCTURE,
    SWITCHES,
    waterfall,
)
from pages import HERE, markdown, mean, render, signed, text
from study import Study

from hyperbench.boards.leaderboard import board_tables, make_board
from hyperbench.boards.row import Estimate
from hyperbench.statistics import t_interval
from hyperbench.table import MISSING, fixed

WATERFALL = [*(cell.name for cell in waterfall(INDEPENDENT)[:-1]), OURS.name]
OTHERS = [
    *("one network demonstrates", "100 demonstrations", "6000 steps", "24000 steps"),
    *("6000 steps but learning rate", "6000 steps but observations"),
    "one network demonstrates, published",
]
PAGE = HERE / "hypogen.md"
STUDY = Study("hypogen", (HERE / "more_demonstrations.py",), CELLS)


@dataclass(frozen=True)
class Measured:
    """What the runs of a cell say.

    Args:
        estimates: score and interval of each method.
        by_split: score of each method's fits, by split seed.
        returns: mean return of each method's fits, by split seed.
        keys: of the runs behind it, of each method.
    """

    estimates: Mapping[str, Estimate]
    by_split: Mapping[str, pd.Series]
    returns: Mapping[str, pd.Series]
    keys: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, places: list[Path]) -> Measured:
        """Read a cell's runs."""
        (part,) = board_tables(places)
        table = part.table.assign(
            method=part.table["method"].str.partition(" ")[0],
            score=part.table["score"].clip(0, 1),
        )
        return cls(
            {row.method.partition(" ")[0]: row["score"] for row in make_board(part).rows},
            *(
                {
                    method: found.groupby("split_seed")[column].mean()
                    for method, found in table.groupby("method")
                }
                for column in ("score", "mean_return")
            ),
            {method: frozenset(found["run"]) for method, found in table.groupby("method")},
        )

    def less(self, other: Measured, method: str) -> str:
        """How much more a method scores than in another cell, paired by split, as text."""
        if method not in self.by_split or self.keys[method] == other.keys[method]:
            return MISSING
        return difference(self.by_split[method], other.by_split[method])

    def over_expert(self, method: str) -> pd.Series:
        """Return over the expert's, by split seed."""
        return self.returns[method] / self.returns["expert"]


def difference(one: pd.Series, other: pd.Series) -> str:
    """How much more one scores than the other, paired by split, with Student's interval."""
    differences = (one - other).dropna()
    return signed(float(differences.mean()), t_interval(differences))


def read(runs: Path) -> dict[str, Measured]:
    """The cells that are whole, by name."""
    return {cell.name: Measured.of(places) for cell, places in STUDY.whole(runs).items()}


def scores(found: Mapping[str, Measured], names: Iterable[str]) -> str:
    """Scores with intervals, a line for each cell that is there."""
    shown = (*METHODS, "nearest-expert")
    lines = []
    for name in names:
        if name in found:
            estimates = found[name].estimates
            cells = [text(estimates[each]) if each in estimates else MISSING for each in shown]
            lines.append([name, *cells])
    return markdown(["", *shown], lines)


def differences(found: Mapping[str, Measured], pairs: Iterable[tuple[str, str]]) -> str:
    """What a cell scores more than another, a line for each pair that is there."""
    lines = []
    for name, other in pairs:
        if {name, other} <= found.keys():
            lines.append([name, *(found[name].less(found[other], method) for method in METHODS)])
    return markdown(["", *METHODS], lines)


def between(found: Mapping[str, Measured], names: Iterable[str]) -> str:
    """How much more HyPoGen scores than each other, and what share of the expert's it earns."""
    others = METHODS[1:]
    header = ["", *(f"hypogen - {other}" for other in others), "hypogen: return / expert"]
    lines = []
    for name in names:
        if name in found:
            scores = found[name].by_split
            cells = [difference(scores["hypogen"], scores[other]) for other in others]
            lines.append([name, *cells, mean(found[name].over_expert("hypogen"))])
    return markdown(header, lines)


def structure(found: Mapping[str, Measured]) -> str:
    """What each change of HyPoGen's structure keeps, and how much more that is than ours does."""
    lines = [[OURS.name, text(found[OURS.name].estimates["hypogen"]), MISSING]]
    for name, setting in STRUCTURE.items():
        if name in found:
            score = text(found[name].estimates["hypogen"])
            more = found[name].less(found[OURS.name], "hypogen")
            lines.append([f"{name} (`{setting}`)", score, more])
    return markdown(["", "score", "more than ours"], lines)


def best_on_targets(found: Mapping[str, Measured]) -> str:
    """What each method's fits would earn if target tasks chose the step to stop at.

    No method may do that: it is an upper bound, computed from runs that were stopped without
    looking, and it is on no board.
    """
    names = [*(cell.name for cell in STOPPED), LAST]
    if not {*names, OURS.name} <= found.keys():
        return ""
    header = ["", "chosen on target tasks", "on validation tasks", "the last"]
    lines = []
    for method in METHODS:
        by_step = pd.DataFrame({name: found[name].by_split[method] for name in names})
        others = [found[name].by_split[method] for name in (OURS.name, LAST)]
        values = [float(each.mean()) for each in (by_step.max(axis=1), *others)]
        lines.append([method, *(fixed(value, 3) for value in values)])
    return markdown(header, lines)


def sayings(found: Mapping[str, Measured]) -> dict[str, Callable[..., str]]:
    """What the page's sentences take their numbers from; of a cell that is not there, a dash."""

    def score(name: str, method: str = "hypogen") -> str:
        return fixed(found[name].estimates[method].value, 3) if name in found else MISSING

    def more(name: str, method: str = "hypogen", than: str = OURS.name) -> str:
        whole = {name, than} <= found.keys()
        return found[name].less(found[than], method) if whole else MISSING

    def ahead(name: str, other: str) -> str:
        if name not in found:
            return MISSING
        return difference(*(found[name].by_split[each] for each in ("hypogen", other)))

    def share(name: str) -> str:
        return fixed(found[name].over_expert("hypogen").mean(), 3) if name in found else MISSING

    return {"score": score, "more": more, "ahead": ahead, "share": share}


def write(runs: Path) -> None:
    """Write the page, and draw the waterfall."""
    found = read(runs)
    PAGE.write_text(page(found), encoding="utf-8")
    steps = [name for name in WATERFALL if name in found]
    if len(steps) > 1:
        draw({name: found[name] for name in steps}, HERE / "hypogen.png")


def page(found: Mapping[str, Measured]) -> str:
    """The page's text."""
    ours = OURS.name
    return render(
        "hypogen.md.j2",
        waterfall=scores(found, WATERFALL),
        steps=differences(found, zip(WATERFALL[1:], WATERFALL, strict=False)),
        between=between(found, [*WATERFALL, *OTHERS]),
        switches=differences(found, [(f"ours but {name}", ours) for name in SWITCHES]),
        others=scores(found, [ours, *OTHERS]),
        structure=structure(found),
        moved=differences(found, [(name, ours) for name in OTHERS]),
        targets=best_on_targets(found),
        missing=[cell.name for cell in CELLS if cell.name not in found],
        cube=scores(found, [cell.name for cell in CELLS if cell.family == CUBE]),
        **sayings(found),
    )


def draw(found: Mapping[str, Measured], path: Path) -> None:
    """Each method's score from the published protocol to ours."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panel = plt.subplots(figsize=(9, 4))
    for i, method in enumerate(METHODS):
        points = [(x, cell.estimates[method]) for x, cell in enumerate(found.values())]
        places = [x + 0.06 * (i - 1.5) for x, _ in points]
        values = [point.value for _, point in points]
        ends = [point.interval or (point.value, point.value) for _, point in points]
        below = [value - low for value, (low, _) in zip(values, ends, strict=True)]
        above = [high - value for value, (_, high) in zip(values, ends, strict=True)]
        panel.errorbar(places, values, (below, above), fmt="o-", capsize=2, label=method)
    panel.set_xticks(range(len(found)), found, rotation=20, ha="right", fontsize=8)
    panel.set(ylabel="score, 95 % interval", ylim=(0, 1))
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(STUDY.main(__doc__, write))
