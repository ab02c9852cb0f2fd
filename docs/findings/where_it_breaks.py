"""Where methods begin to fail: with the number of features, and with the number of source tasks.

``python where_it_breaks.py plan`` lists the commands, ``run RUNS`` carries them out and goes on
where it was, ``show RUNS`` prints the tables and draws the curves of what is finished. This file is
also the plugin that registers the families and protocols.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from hyperbench_pointmass.family import GoalDrag

import hyperbench as hb
from hyperbench import hookimpl
from hyperbench.boards.scores import task_table
from hyperbench.measuring.cloning import cloning_losses
from hyperbench.protocol import STANDARD
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun
from hyperbench.registry import installed, use_plugins

METHODS = (
    *("hypogen", "hyperzero", "conditional", "uvfa", "film", "decision-adapter"),
    *("bias-hyperinit", "interpolation", "nearest-clone", "kernel-clones"),
)
NUM_SOURCE = (4, 8, 16, 24)
CHEETAHS = ("tracking/cheetah-speed", "independent/cheetah-speed")
MIDDLE = {"goal_x": 0.0, "goal_y": 0.0, "drag": 2.0}
GRIDS = {
    1: {"goal_x": 48},
    2: {"goal_x": 8, "goal_y": 6},
    3: {"goal_x": 4, "goal_y": 4, "drag": 3},
}
"""How many values each feature takes: always 48 tasks, whatever varies."""


def varied(number: int) -> type[GoalDrag]:
    """The point mass with the same number of tasks, of which fewer features differ."""
    features = {feature.name: feature for feature in GoalDrag.spec_space.features}
    values = {
        name: np.linspace(features[name].low, features[name].high, GRIDS[number][name]).tolist()
        if name in GRIDS[number]
        else [middle]
        for name, middle in MIDDLE.items()
    }
    info = replace(GoalDrag.info, id=f"features/point-{number}-v1")
    return hb.register_family(info.id, summary=f"the point mass with {number} of 3 features")(
        type(
            f"Point{number}",
            (GoalDrag,),
            {
                "info": info,
                "tasks": GoalDrag.spec_space.grid(info.id, **values),
                "__module__": __name__,
            },
        )
    )


Point1, Point2, Point3 = (varied(number) for number in GRIDS)


@hookimpl
def hyperbench_protocols():
    """Register standard-v1 with other numbers of source tasks, the smaller among the larger."""
    return [
        STANDARD.model_copy(
            update={
                "id": f"sources-{number}-v1",
                "summary": f"{number} source tasks of 40; targets are the same 12",
                "num_source": number,
                "num_target": 12,
                "split_label": "sources-v1",
            }
        )
        for number in NUM_SOURCE
    ]


def commands(runs: Path, more: list[str]) -> Iterator[list[str]]:
    """Each part of the measurement, as what ``hyperbench`` takes."""
    methods = [word for method in METHODS for word in ("-m", method)]
    common = ["run", "--no-baselines", "--plugin", str(Path(__file__).resolve()), *methods]
    yield [*common, "-s", "features", "-p", STANDARD.id, "-o", str(runs), *more]
    yield [
        *("run", "--no-baselines", "--plugin", str(Path(__file__).resolve()), "--sweep"),
        *("-m", "hypogen", "-s", "features/point-3", "-p", STANDARD.id, "-o", str(runs)),
        *("--set", "layer_norm=true,false", "--set", "step_size=learned,predicted"),
        *("--set", "structure=chain-rule,flat", *more),
    ]
    for suite in CHEETAHS:
        for number in NUM_SOURCE:
            yield [*common, "-s", suite, "-p", f"sources-{number}-v1", "-o", str(runs), *more]


def run(runs: Path, more: list[str]) -> int:
    """Carry out every part; what is finished is passed over by the command itself."""
    failed = 0
    for words in commands(runs, more):
        print("+ hyperbench", shlex.join(words), flush=True)
        done = subprocess.run([sys.executable, "-m", "hyperbench", *words], check=False)  # noqa: S603 -- our own
        failed += done.returncode > 0
    return failed


def errors(run: StoredRun) -> dict[str, float]:
    """By target task, how far a run's policy is from the demonstrator on what that one meets.

    Target tasks' demonstrations are read after the fact, from runs that are finished.
    """
    record = run.record
    family = installed().make_family(record.family)
    targets = {task.key for task in record.targets}
    tasks = [task for task in family.tasks if task.key in targets]
    order = {task.key: i for i, task in enumerate(record.targets)}
    policies = run.policies(installed()).take([order[task.key] for task in tasks])
    losses = cloning_losses(policies, hb.load_demonstrations(family, tasks))
    return {task.key: float(loss) for task, loss in zip(tasks, losses, strict=True)}


def read(runs: Path) -> pd.DataFrame:
    """One line for each fit and target task, with its causes beside its score.

    Columns: those of ``task_table``; ``sources`` (how many); ``error`` (of the actions, on the
    demonstrator's states); ``training`` and ``validation`` (the fit's last losses).
    """
    stored = [StoredRun.read(place) for place in find_runs([runs])]
    by_board: dict[tuple[str, str], list[StoredRun]] = {}
    for one in stored:
        by_board.setdefault((one.record.family, one.record.protocol.id), []).append(one)
    tables = []
    for found in by_board.values():
        table = task_table(found)
        records = {one.record.key: one for one in found}
        fits = {key: one for key, one in records.items() if one.record.fit is not None}
        table = table[table["run"].isin(fits)].assign(score=lambda t: t["score"].clip(0, 1))
        missed = {key: errors(one) for key, one in fits.items()}
        table["error"] = [missed[r][t] for r, t in zip(table["run"], table["task"], strict=True)]
        last = {key: one.record.fit.curve[-1] for key, one in fits.items()}
        table["training"] = table["run"].map({key: point[1] for key, point in last.items()})
        table["validation"] = table["run"].map({key: point[2] for key, point in last.items()})
        table["sources"] = table["run"].map(
            {key: len(one.record.split.source) for key, one in fits.items()}
        )
        tables.append(table.assign(protocol=found[0].record.protocol.id))
    return pd.concat(tables, ignore_index=True)


def show(runs: Path) -> int:
    """Print the tables, and draw the curves beside this file."""
    found = read(runs)
    found.drop(columns=["is_arm"]).to_parquet(runs / "where_it_breaks.parquet")
    columns = ["score", "error", "training", "validation", "distance"]
    by = ["family", "sources", "method"]
    print_table(found.groupby(by)[columns].mean().round(4))
    # Is it the written policy that is wrong, or does a small error grow in the closed loop?
    cut = found.assign(close=pd.cut(found["error"], [0, 0.003, 0.01, 0.03, 0.1, 4]))
    by_error = cut.groupby(["family", "close"], observed=True)["score"]
    print_table(
        pd.DataFrame(
            {
                "policies": by_error.size(),
                "score": by_error.mean().round(3),
                "below half": by_error.agg(lambda score: (score < 0.5).mean()).round(3),
            }
        )
    )
    if set(found["sources"]) >= set(NUM_SOURCE):
        draw(found, Path(__file__).with_name("where_it_breaks.png"))
    return 0


def print_table(table: pd.DataFrame) -> None:
    """Print a table as Markdown, its index as columns."""
    table = table.reset_index()
    print("|", " | ".join(table.columns), "|")
    print("|" + "---|" * len(table.columns))
    for row in table.itertuples(index=False):
        print("|", " | ".join(map(str, row)), "|")
    print()


def draw(found: pd.DataFrame, path: Path) -> None:
    """Each method's score against the number of features, and of source tasks."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 1 + len(CHEETAHS), figsize=(13, 4), sharey=True)
    points = found[found["family"].str.contains("point")]
    points = points.assign(x=points["family"].str.extract(r"point-(\d)", expand=False).astype(int))
    parts = [("features varied, of a point mass", points)]
    for suite in CHEETAHS:
        part = found[found["family"].str.startswith(suite)]
        parts.append((f"source tasks, {suite}", part.assign(x=part["sources"])))
    for panel, (label, part) in zip(panels, parts, strict=True):
        for method in METHODS:
            means = part[part["method"] == method].groupby("x")["score"].mean()
            panel.plot(means.index, means, "o-", label=method, markersize=4)
        panel.set(xlabel=label, ylim=(0, 1.02), xticks=sorted(part["x"].unique()))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("score")
    panels[-1].legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> int:
    """Plan, run or show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("plan", "run", "show"))
    parser.add_argument("runs", type=Path, nargs="?", default=Path("where"))
    chosen, more = parser.parse_known_args()
    if chosen.what == "show":
        use_plugins([str(Path(__file__).resolve())])
        return show(chosen.runs)
    if chosen.what == "run":
        return run(chosen.runs, more)
    for words in commands(chosen.runs, more):
        print("hyperbench", shlex.join(words))
    return 0


if __name__ == "__main__":
    sys.exit(main())
