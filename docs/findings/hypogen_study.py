"""HyPoGen's claim, one switch at a time.

``python hypogen_study.py plan`` lists the commands, ``run RUNS`` carries them out and goes on
where it was, ``keep RUNS`` keeps what is finished in bundles, ``page RUNS`` writes ``hypogen.md``
and draws the waterfall. What a switch does not touch is the same run, and is not measured again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from more_demonstrations import MANY
from pages import HERE, markdown, mean, render, signed, text
from study import Cell, Study

from hyperbench.boards.leaderboard import board_tables, make_board
from hyperbench.boards.row import Estimate
from hyperbench.statistics import t_interval
from hyperbench.table import MISSING, fixed

METHODS = ("hypogen", "hyperzero", "conditional", "nearest-clone")
READS_SPEC = ("hypogen", "hyperzero", "conditional")
INDEPENDENT, UNIVERSAL = "independent/cheetah-speed", "locomotion/cheetah-speed"
CUBE = "manipulation/lift-stiffness"


def each(setting: str, methods: tuple[str, ...] = METHODS) -> tuple[str, ...]:
    """One setting for several methods."""
    return tuple(f"{method}.{setting}" for method in methods)


SWITCHES = {
    "size and loss": (
        *("hypogen.num_blocks=8", "hypogen.code_width=128", "hypogen.codec_width=256"),
        *("hypogen.block_width=128", "hypogen.value_weight=0.01", "hypogen.td_weight=0.01"),
    ),
    "spec units": each("spec_units=raw", READS_SPEC),
    "observations": each("observations=raw"),
    "checkpoint": each("choose_by=last"),
    "head initialisation": ("hyperzero.head_init=linear",),
    "learning rate": (
        "hypogen.learning_rate=5e-4",
        *each("learning_rate=1e-4", ("hyperzero", "conditional")),
    ),
}
"""What the published protocol has otherwise; in this order it is turned into ours. The size comes
first: of the published one a fit takes many times as long."""

STRUCTURE = {
    "one perceptron a block": "structure=flat",
    "step sizes that read the spec": "step_size=predicted",
    "without layer norm": "layer_norm=false",
    "products of Jacobians from slices": "jacobian_product=slice",
    "every block supervised": "early_supervision=true",
    "one block": "num_blocks=1",
    "six blocks": "num_blocks=6",
}
"""What HyPoGen can do otherwise; where it is not HyPoGen's, runs are those of ours."""


def cell(name: str, settings: tuple[str, ...] = (), family: str = INDEPENDENT, **more) -> Cell:
    """One measurement of all methods."""
    return Cell(name, METHODS, settings, family, **more)


def together(*names: str) -> tuple[str, ...]:
    """The settings of several switches."""
    return tuple(setting for name in names for setting in SWITCHES[name])


def waterfall(family: str) -> list[Cell]:
    """Published, then one switch after the other turned into ours."""
    names = list(SWITCHES)
    labels = ("published", *(f"then {name}" for name in names))
    return [cell(f"{i} {each}", together(*names[i:]), family) for i, each in enumerate(labels)]


NUM_STEPS, DECAYS_FROM = 1500, 900
"""Of the default schedule: how many gradient steps, and after which the learning rate falls."""


def stopped_at(step: int) -> Cell:
    """The weights that a fit of the default schedule has after some steps, whatever it chooses."""
    left = 1 - 0.99 * max(0, step - DECAYS_FROM) / (NUM_STEPS - DECAYS_FROM)
    schedule = (
        f"num_steps={step}",
        f"decay_start={min(1.0, DECAYS_FROM / step)}",
        f"final_learning_rate={left}",
        "choose_by=last",
    )
    return cell(f"stopped at {step}", tuple(s for one in schedule for s in each(one)))


STOPPED = [stopped_at(step) for step in (300, 600, 900, 1100, 1300)]
LAST = "ours but checkpoint"
"""The cell of the same fits' last weights."""


OURS = cell("ours")
CELLS = [
    OURS,
    *(cell(f"ours but {name}", SWITCHES[name]) for name in SWITCHES if name != "size and loss"),
    *STOPPED,
    cell("one network demonstrates", family=UNIVERSAL),
    cell("100 demonstrations", protocol=MANY.id),
    *reversed(waterfall(INDEPENDENT)[1:-1]),
    cell("6000 steps", each("num_steps=6000")),
    cell("cube ours", family=CUBE),
    cell("cube spec units", SWITCHES["spec units"], CUBE),
    *(replace(cell, name=f"cube {cell.name}") for cell in waterfall(CUBE)[1:2]),
    *(
        cell(f"cube {', '.join(names)}", together(*names), CUBE)
        for names in (
            ("spec units", "head initialisation"),
            ("spec units", "learning rate"),
            ("spec units", "head initialisation", "learning rate"),
            ("observations",),
            ("spec units", "observations"),
        )
    ),
    cell("ours but size and loss", SWITCHES["size and loss"]),
    waterfall(INDEPENDENT)[0],
    cell("one network demonstrates, published", together(*SWITCHES), UNIVERSAL),
    replace(waterfall(CUBE)[0], name="cube 0 published"),
    *(
        cell(f"6000 steps but {name}", (*each("num_steps=6000"), *SWITCHES[name]))
        for name in ("learning rate", "observations")
    ),
    cell("24000 steps", each("num_steps=24000"), splits=2),
    *(cell(name, (f"hypogen.{setting}",)) for name, setting in STRUCTURE.items()),
]
"""The cheaper ones first."""
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

    def over_expert(self, method: str) -> str:
        """Return over the expert's, the mean over splits with Student's interval, as text."""
        return mean(self.returns[method] / self.returns["expert"])


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
            lines.append([name, *cells, found[name].over_expert("hypogen")])
    return markdown(header, lines)


def structure(found: Mapping[str, Measured]) -> str:
    """What each change of HyPoGen's structure keeps, and how much more that is than ours does."""
    lines = [[OURS.name, text(found[OURS.name].estimates["hypogen"]), MISSING]]
    for name, setting in STRUCTURE.items():
        if name in found:
            score = text(found[name].estimates["hypogen"])
            more = found[name].less(found[OURS.name], "hypogen")
            lines.append([f"{name} (`{setting}`)", score, more])
    return markdown(["", "hypogen", "less ours"], lines)


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
