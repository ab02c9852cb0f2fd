"""Draw docs/decisions/quick-v2.png and print its figures: ``python docs/decisions/quick_v2.py RUNS``.

RUNS holds runs of ``standard-v1`` with several settings of ``num_steps``, of the same methods on the
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
    """One row a choice of steps, targets, episodes and splits: what it costs and how far it is."""
    table = pd.Series(scores).rename_axis(
        ["family", "split", "method", "steps", "targets", "episodes"]
    )
    cost = pd.Series(costs).rename_axis(table.index.names)
    whole = table.xs((WHOLE, TARGETS[-1], EPISODES[-1]), level=["steps", "targets", "episodes"])
    board = whole.groupby(["family", "method"]).mean().unstack("method")
    found = []
    for choice, part in table.groupby(["steps", "targets", "episodes"]):
        by_split = part.droplevel(["steps", "targets", "episodes"])
        same = (by_split - whole).abs().dropna()
        paid = cost.xs(choice, level=["steps", "targets", "episodes"])
        for num in SPLITS:
            far, orders, winners = [], [], []
            for family in board.index:
                apart = by_split.loc[family].unstack("method")
                for splits in combinations(apart.index, num):
                    quick, real = apart.loc[list(splits)].mean(), board.loc[family]
                    far.append((quick - real).abs().mean())
                    winners.append(quick.idxmax() == real.idxmax())
                    orders += [
                        np.sign(quick[a] - quick[b]) == np.sign(real[a] - real[b])
                        for a, b in combinations(real.index, 2)
                    ]
            found.append(
                {
                    **dict(zip(("steps", "targets", "episodes"), choice, strict=True)),
                    "splits": num,
                    "seconds": num * paid.mean(),
                    "same split": same.mean(),
                    "board": np.mean(far),
                    "orders": np.mean(orders),
                    "winner": np.mean(winners),
                }
            )
    return pd.DataFrame(found)


def draw(table: pd.DataFrame, path: Path) -> None:
    """What each choice costs against how far it is from the whole measurement."""
    figure, panels = plt.subplots(1, 2, figsize=(10, 3.6))
    steps = sorted(table["steps"].unique())
    for panel, (column, label) in zip(
        panels,
        (("board", "mean distance to standard-v1's score"), ("orders", "pairs in its order")),
        strict=True,
    ):
        for shade, number in enumerate(steps):
            for splits, marker in zip(SPLITS, "os", strict=True):
                part = table[(table["steps"] == number) & (table["splits"] == splits)]
                panel.scatter(
                    part["seconds"],
                    part[column],
                    marker=marker,
                    s=22,
                    color=f"C{shade}",
                    alpha=0.8,
                    label=f"{number} steps, {splits} split{'s' if splits > 1 else ''}",
                )
        panel.set(xlabel="seconds a method and family", ylabel=label)
        panel.set_xlim(left=0)
        panel.spines[["top", "right"]].set_visible(False)
    figure.tight_layout(rect=(0, 0, 0.83, 1))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="center right", frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Read, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path)
    scores, costs = read(parser.parse_args().runs)
    table = compare(scores, costs)
    print(table.round(3).to_string())
    by_method = pd.Series(scores).rename_axis(
        ["family", "split", "method", "steps", "targets", "episodes"]
    )
    whole = by_method.xs((TARGETS[-1], EPISODES[-1]), level=["targets", "episodes"])
    print(whole.groupby(["family", "method", "steps"]).mean().unstack().round(3).to_string())
    draw(table, Path(__file__).with_name("quick-v2.png"))


if __name__ == "__main__":
    main()
