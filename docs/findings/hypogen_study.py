"""HyPoGen's claim, one switch at a time.

``python hypogen_study.py plan`` lists the commands, ``run RUNS`` carries them out and goes on where
it was, ``show RUNS`` prints the tables and draws the waterfall of what is finished. Every cell is a
`hyperbench run`, all into one folder: what a switch does not touch is the same run, and is not
measured again. This file is also the plugin that registers its protocols.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from hyperbench import hookimpl
from hyperbench.api.reading import data_root
from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.scores import task_table
from hyperbench.measuring.plan import plan
from hyperbench.protocol import STANDARD
from hyperbench.records.store import StoredRun
from hyperbench.registry import installed, use_plugins

METHODS = ("hypogen", "hyperzero", "conditional", "nearest-clone")
READS_SPEC = ("hypogen", "hyperzero", "conditional")
INDEPENDENT, UNIVERSAL = "independent/cheetah-speed", "locomotion/cheetah-speed"
CUBE = "manipulation/lift-stiffness"
MANY = STANDARD.model_copy(
    update={
        "id": "demonstrations-100-v1",
        "summary": "standard-v1's splits with 100 demonstrations of each task",
        "num_demonstrations": 100,
        "split_label": STANDARD.id,
    }
)


@hookimpl
def hyperbench_protocols():
    """Register standard-v1 with more demonstrations."""
    return [MANY]


def each(setting: str, methods: tuple[str, ...] = METHODS) -> tuple[str, ...]:
    """One setting for several methods."""
    return tuple(f"{method}.{setting}" for method in methods)


SWITCHES = {
    "spec units": each("spec_units=raw", READS_SPEC),
    "observations": each("observations=raw"),
    "checkpoint": each("choose_by=last"),
    "head initialisation": ("hyperzero.head_init=linear",),
    "learning rate": (
        "hypogen.learning_rate=5e-4",
        *each("learning_rate=1e-4", ("hyperzero", "conditional")),
    ),
    "size and loss": (
        *("hypogen.num_blocks=8", "hypogen.code_width=128", "hypogen.codec_width=256"),
        *("hypogen.block_width=128", "hypogen.value_weight=0.01", "hypogen.td_weight=0.01"),
    ),
}
"""What the published protocol has otherwise; in this order it is turned into ours."""


@dataclass(frozen=True)
class Cell:
    """One measurement of all methods.

    Args:
        name: of the row.
        settings: as of ``--set``.
        family: what is learned.
        protocol: the rules.
        splits: the first of the protocol's.
    """

    name: str
    settings: tuple[str, ...] = ()
    family: str = INDEPENDENT
    protocol: str = STANDARD.id
    splits: int = 5

    def command(self, runs: Path, more: list[str]) -> list[str]:
        """What is done."""
        words = ["run", "--no-baselines"]
        if self.protocol == MANY.id:
            words += ["--plugin", str(Path(__file__).resolve())]
        words += ["-s", self.family, "-p", self.protocol, "--seeds", str(self.splits)]
        words += [word for method in METHODS for word in ("-m", method)]
        words += [word for setting in self.settings for word in ("--set", setting)]
        return [*words, "-o", str(runs), *more]

    def folders(self, runs: Path) -> list[Path]:
        """Where its runs are, of those that are finished."""
        registry = installed()
        rules = registry.protocol(self.protocol).with_seeds(str(self.splits))
        planned = plan(
            *(registry, METHODS, self.family, rules),
            baselines=False,
            settings=self.settings,
            data_dir=data_root(None),
        )
        return [runs / run.key for run in planned if (runs / run.key).is_dir()]


def together(*names: str) -> tuple[str, ...]:
    """The settings of several switches."""
    return tuple(setting for name in names for setting in SWITCHES[name])


def waterfall(family: str) -> list[Cell]:
    """Published, then one switch after the other turned into ours."""
    names = list(SWITCHES)
    labels = ("published", *(f"then {name}" for name in names))
    return [Cell(f"{i} {each}", together(*names[i:]), family) for i, each in enumerate(labels)]


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
    return Cell(f"stopped at {step}", tuple(s for one in schedule for s in each(one)))


STOPPED = [stopped_at(step) for step in (300, 600, 900, 1100, 1300)]
LAST = "ours but checkpoint"
"""The cell of the same fits' last weights."""


OURS = Cell("ours")
CELLS = [
    OURS,
    *(Cell(f"ours but {name}", settings) for name, settings in SWITCHES.items()),
    *STOPPED,
    Cell("one network demonstrates", (), UNIVERSAL),
    Cell("100 demonstrations", (), protocol=MANY.id),
    Cell("6000 steps", each("num_steps=6000")),
    Cell("cube ours", (), CUBE),
    Cell("cube spec units", SWITCHES["spec units"], CUBE),
    *reversed(waterfall(INDEPENDENT)[:-1]),
    Cell("one network demonstrates, published", together(*SWITCHES), UNIVERSAL),
    *(replace(cell, name=f"cube {cell.name}") for cell in waterfall(CUBE)[:2]),
    Cell("24000 steps", each("num_steps=24000"), splits=2),
]
"""The cheaper ones first: of the published size a fit takes many times as long."""


def run(runs: Path, more: list[str]) -> int:
    """Carry out every cell; what is finished is passed over by the command itself."""
    failed = 0
    for cell in CELLS:
        words = cell.command(runs, more)
        print("+ hyperbench", shlex.join(words), flush=True)
        done = subprocess.run([sys.executable, "-m", "hyperbench", *words], check=False)  # noqa: S603 -- our own
        failed += done.returncode > 0
    return failed


def read(runs: Path) -> dict[str, dict[str, tuple[float, float | None, float | None]]]:
    """Score and interval of each method, cell by cell, of the cells that have runs."""
    found: dict[str, dict[str, tuple[float, float | None, float | None]]] = {}
    for cell in CELLS:
        if not (folders := cell.folders(runs)):
            continue
        (board,) = make_boards(folders)
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
    for cell in (*STOPPED, *(cell for cell in CELLS if cell.name == LAST)):
        if folders := cell.folders(runs):
            table = task_table([StoredRun.read(folder) for folder in folders])
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


def show(runs: Path) -> int:
    """Print the table, and draw the waterfall beside this file."""
    found = read(runs)
    (runs / "study.json").write_text(json.dumps(found, indent=1) + "\n")
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
        draw({name: found[name] for name in steps}, Path(__file__).with_name("hypogen.png"))
    return 0


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


def main() -> int:
    """Plan, run or show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("plan", "run", "show"))
    parser.add_argument("runs", type=Path, nargs="?", default=Path("study"))
    chosen, more = parser.parse_known_args()
    if chosen.what == "show":
        use_plugins([str(Path(__file__).resolve())])
        return show(chosen.runs)
    if chosen.what == "run":
        return run(chosen.runs, more)
    for cell in CELLS:
        print("hyperbench", shlex.join(cell.command(chosen.runs, more)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
