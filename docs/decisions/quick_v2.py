"""Draw quick-v2.png beside this file and print its figures: ``python quick_v2.py RUNS``.

RUNS holds runs of ``standard-v1`` with several ``num_steps``, of the same methods on the
same families and splits. Fewer targets, episodes and splits are taken out of the same episodes.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

from hyperbench.protocol import EvalProtocol
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun
from hyperbench.registry import installed

mpl.use("Agg")
from matplotlib import pyplot as plt

TARGETS, EPISODES, SPLITS = (6, 12, 24, 1000), (2, 4, 10), (1, 2)
WHOLE = 1500
NUM_SPLITS = 5


def read(folder: Path) -> tuple[dict, dict]:
    """Per family, split, method and steps: the score at each number of targets and episodes."""
    registry = installed()
    runs = [StoredRun.read(path) for path in find_runs([folder])]
    returns, seconds = {}, {}
    for run in runs:
        record = run.record
        place = record.family, record.seeds.split
        name = record.method, record.config.get("num_steps", 0)
        returns[place, name] = run.task_returns()
        seconds[place, name] = record.cost.fit_seconds, record.cost.rollout_seconds
    scores, costs = {}, {}
    for (place, name), got in returns.items():
        if not name[1] or (place, ("expert", 0)) not in returns:
            continue
        family = registry.make_family(place[0])
        drawn = [
            EvalProtocol(
                id="part", summary="", max_target=most, split_label="standard-v1", seeds=()
            ).split(family, place[1])
            for most in TARGETS
        ]
        every = [task.key for task in drawn[-1].target]
        for most, split in zip(TARGETS, drawn, strict=True):
            rows = [every.index(task.key) for task in split.target]
            for number in EPISODES:
                random, expert, mine = (
                    returns[place, other][rows, :number].mean(axis=1)
                    for other in (("random", 0), ("expert", 0), name)
                )
                share = np.clip((mine - random) / (expert - random), 0, 1)
                scores[(*place, *name, most, number)] = share.mean()
                fit, judge = seconds[place, name]
                played = len(rows) * number / got.size
                costs[(*place, *name, most, number)] = fit + judge * played
    return scores, costs


def compare(scores: dict, costs: dict) -> pd.DataFrame:
    """One row a family and choice: what it costs, and how far it is from the whole measurement."""
    names = ["family", "split", "method", "steps", "targets", "episodes"]
    table = pd.Series(scores).rename_axis(names)
    cost = pd.Series(costs).rename_axis(names)
    choices = ["steps", "targets", "episodes"]
    whole = table.xs((WHOLE, TARGETS[-1], EPISODES[-1]), level=choices)
    found = []
    for (family, *choice), part in table.groupby(["family", *choices]):
        apart = part.droplevel(["family", *choices]).unstack("method")
        same = whole.loc[family].unstack("method")
        if apart.shape != (NUM_SPLITS, 3) or same.shape != (NUM_SPLITS, 3):
            continue  # not measured whole
        real = same.mean()
        paid = cost.loc[part.index].mean()
        for num in SPLITS:
            picks = [apart.loc[list(splits)].mean() for splits in combinations(apart.index, num)]
            orders = [
                np.sign(quick[a] - quick[b]) == np.sign(real[a] - real[b])
                for quick in picks
                for a, b in combinations(real.index, 2)
            ]
            found.append(
                {
                    "family": family,
                    **dict(zip(choices, choice, strict=True)),
                    "splits": num,
                    "seconds": num * paid,
                    "same split": (apart - same).abs().to_numpy().mean(),
                    "board": np.mean([(quick - real).abs().mean() for quick in picks]),
                    "orders": np.mean(orders),
                    "winner": np.mean([quick.idxmax() == real.idxmax() for quick in picks]),
                }
            )
    return pd.DataFrame(found)


def draw(table: pd.DataFrame, path: Path) -> None:
    """What each choice costs against how far it is from the whole measurement, by family."""
    families = sorted(table["family"].unique())
    shades = {number: f"C{i}" for i, number in enumerate(sorted(table["steps"].unique()))}
    figure, panels = plt.subplots(2, len(families), figsize=(11, 5.6), sharey="row", sharex=True)
    measures = {"board": "mean distance to the\nboard's score", "orders": "pairs in its order"}
    for row, (measure, label) in zip(panels, measures.items(), strict=True):
        row[0].set_ylabel(label)
        for panel, family in zip(row, families, strict=True):
            panel.set_title(family.replace("/", "/\n") if measure == "board" else "", fontsize=9)
            for (number, splits), part in table[table["family"] == family].groupby(
                ["steps", "splits"]
            ):
                panel.scatter(
                    part["seconds"],
                    part[measure],
                    marker="os"[splits - 1],
                    s=16,
                    color=shades[number],
                    alpha=0.7,
                    label=f"{number} steps, {splits} split{'s' if splits > 1 else ''}",
                )
            panel.spines[["top", "right"]].set_visible(False)
    panels[0][0].set_xlim(left=0)  # of all: not before they hold their points
    for panel in panels[1]:
        panel.set_xlabel("seconds a method")
    found = {}
    for panel in panels[0]:
        found |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
    figure.tight_layout(rect=(0, 0, 0.85, 1))
    figure.legend(found.values(), found, loc="center right", frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Read, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    scores, costs = read(parser.parse_args().runs)
    table = compare(scores, costs)
    chosen = ["steps", "targets", "episodes", "splits"]
    counts = table.groupby("steps")["family"].nunique()
    print("families by steps:", counts.to_dict())
    print(table.groupby(chosen).mean(numeric_only=True).round(3).to_string())
    part = table[(table["targets"] == TARGETS[-1]) & (table["episodes"] == EPISODES[-1])]
    print(part.set_index(["family", "steps", "splits"]).round(3).to_string())
    by_method = pd.Series(scores).rename_axis(
        ["family", "split", "method", "steps", "targets", "episodes"]
    )
    whole = by_method.xs((TARGETS[-1], EPISODES[-1]), level=["targets", "episodes"])
    print(whole.groupby(["family", "method", "steps"]).mean().unstack().round(3).to_string())
    draw(table, Path(__file__).with_name("quick-v2.png"))


if __name__ == "__main__":
    main()
