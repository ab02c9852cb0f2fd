"""HyPoGen's claim, one switch at a time.

``python hypogen_study.py plan`` lists the commands, ``run RUNS`` carries them out and goes on
where it was, ``keep RUNS`` keeps what is finished in bundles, ``show RUNS`` prints the tables and
draws the waterfall. What a switch does not touch is the same run, and is not measured again.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from more_demonstrations import MANY
from study import HERE, Cell, Study

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.scores import task_table
from hyperbench.records.bundled import open_run

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
    cell("ours but size and loss", SWITCHES["size and loss"]),
    waterfall(INDEPENDENT)[0],
    cell("one network demonstrates, published", together(*SWITCHES), UNIVERSAL),
    replace(waterfall(CUBE)[0], name="cube 0 published"),
    cell("24000 steps", each("num_steps=24000"), splits=2),
]
"""The cheaper ones first."""
STUDY = Study("hypogen", HERE / "more_demonstrations.py", CELLS)


def read(runs: Path) -> dict[str, dict[str, tuple[float, float | None, float | None]]]:
    """Score and interval of each method, cell by cell, of the cells that are whole."""
    found: dict[str, dict[str, tuple[float, float | None, float | None]]] = {}
    for cell, places in STUDY.whole(runs).items():
        (board,) = make_boards(places)
        scores = {row.method.partition(" ")[0]: row["score"] for row in board.rows}
        found[cell.name] = {
            method: (estimate.value, estimate.low, estimate.high)
            for method, estimate in scores.items()
            if method in (*METHODS, "nearest-expert") and estimate.value is not None
        }
    return found


def best_on_targets(runs: Path) -> dict[str, tuple[float, float, float]]:
    """What each method's fits would earn if target tasks chose the step to stop at.

    No method may do that: it is an upper bound, computed from runs that were stopped without
    looking, and it is on no board.

    Returns:
        Of each method: score if targets choose, of the last weights, and the number of fits.
    """
    tables = []
    for cell, places in STUDY.whole(runs).items():
        if cell in STOPPED or cell.name == LAST:
            table = task_table([open_run(place) for place in places])
            table["method"] = table["method"].str.partition(" ")[0]
            tables.append(table.assign(cell=cell.name, score=table["score"].clip(0, 1)))
    if len(tables) <= len(STOPPED):
        return {}
    found = pd.concat(tables)
    found = found[found["method"].isin(METHODS)]
    by_fit = (
        found.groupby(["method", "split_seed", "cell"])["score"].mean().unstack("cell").dropna()
    )
    return {
        method: (float(fits.max(axis=1).mean()), float(fits[LAST].mean()), len(fits))
        for method, fits in by_fit.groupby(level="method")
    }


def show(runs: Path) -> None:
    """Print the table, and draw the waterfall beside this file."""
    found = read(runs)
    shown = (*METHODS, "nearest-expert")
    print("| cell |", " | ".join(shown), "|")
    print("|---|" + "---:|" * len(shown))
    for name, scores in found.items():
        texts = [
            "–" if (score := scores.get(method)) is None else _text(*score) for method in shown
        ]
        print(f"| {name} |", " | ".join(texts), "|")
    for method, (best, last, number) in best_on_targets(runs).items():
        print(
            f"{method}: {best:.3f} if targets chose the step, {last:.3f} at the last, {number} fits"
        )
    steps = [cell.name for cell in (*waterfall(INDEPENDENT)[:-1], OURS) if cell.name in found]
    if len(steps) > 1:
        draw({name: found[name] for name in steps}, HERE / "hypogen.png")


def _text(value: float, low: float | None, high: float | None) -> str:
    return f"{value:.3f}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def draw(found: dict[str, dict[str, tuple]], path: Path) -> None:
    """Each method's score from the published protocol to ours."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panel = plt.subplots(figsize=(9, 4))
    for i, method in enumerate(METHODS):
        points = [
            (x, *scores[method]) for x, scores in enumerate(found.values()) if method in scores
        ]
        places = [x + 0.06 * (i - 1.5) for x, *_ in points]
        values = [value for _, value, _, _ in points]
        below = [0.0 if low is None else value - low for _, value, low, _ in points]
        above = [0.0 if high is None else high - value for _, value, _, high in points]
        panel.errorbar(places, values, (below, above), fmt="o-", capsize=2, label=method)
    panel.set_xticks(range(len(found)), found, rotation=20, ha="right", fontsize=8)
    panel.set(ylabel="score, 95 % interval", ylim=(0, 1))
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(STUDY.main(__doc__, show))
