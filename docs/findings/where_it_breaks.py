"""Where methods begin to fail: with the number of features, and with the number of source tasks.

``python where_it_breaks.py plan`` lists the commands, ``run RUNS`` carries them out and goes on
where it was, ``keep RUNS`` keeps what is finished in bundles, ``page RUNS`` writes
``where_it_breaks.md`` and draws the curves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pandas as pd
from features_and_sources import GRIDS, NUM_SOURCE
from pages import HERE, markdown, mean, render
from sources_of_thirty import protocol_of
from study import Cell, Study

import hyperbench as hb
from hyperbench.boards.scores import task_table
from hyperbench.measuring.cloning import cloning_losses
from hyperbench.records.bundled import open_run
from hyperbench.records.store import StoredRun
from hyperbench.registry import installed
from hyperbench.table import MISSING, fixed

METHODS = (
    *("hypogen", "hyperzero", "conditional", "uvfa", "film", "decision-adapter"),
    *("bias-hyperinit", "interpolation", "nearest-clone", "kernel-clones"),
)
CHEETAHS = {
    "tracking/cheetah-speed": protocol_of,
    "independent/cheetah-speed": "sources-{}-v1".format,
}
"""The protocol of a number of source tasks: tracking has 30 tasks, the other 40."""
STRUCTURES = ("layer_norm=true,false", "step_size=learned,predicted", "structure=chain-rule,flat")
CELLS = [
    *(Cell(f"{number} features", METHODS, family=f"features/point-{number}") for number in GRIDS),
    *(
        Cell(f"{number} sources", METHODS, family=suite, protocol=protocol(number))
        for number in NUM_SOURCE
        for suite, protocol in CHEETAHS.items()
    ),
    Cell("structures", ("hypogen",), STRUCTURES, "features/point-3", sweep=True),
    Cell(
        "24 sources, 6000 steps",
        ("hypogen", "hyperzero", "decision-adapter", "nearest-clone"),
        ("num_steps=6000",),
        "independent/cheetah-speed",
        "sources-24-v1",
    ),
]


class Breaks(Study):
    """The study whose bundles, which lack most policies, have their errors beside them."""

    @property
    def errors_path(self) -> Path:
        """A table of ``run`` (key), ``task`` (key) and ``error``."""
        return self.kept / "errors.parquet"

    def stored(self, runs: Path) -> list[StoredRun]:
        """The runs of whole cells, each once."""
        places = {place for found in self.whole(runs).values() for place in found}
        return [open_run(place) for place in sorted(places)]

    def errors(self, stored: Iterable[StoredRun]) -> pd.DataFrame:
        """What the table beside the bundles has, and what it lacks of some runs."""
        known = pd.DataFrame({"run": [], "task": [], "error": []})
        if self.errors_path.is_file():
            known = pd.read_parquet(self.errors_path)
        there = set(known["run"])
        missing = [one for one in stored if one.record.fit and one.record.key not in there]
        return pd.concat([known, *map(action_errors, missing)], ignore_index=True)

    def keep(self, runs: Path) -> None:
        """Compute the errors while the policies are there."""
        found = self.errors(self.stored(runs))
        super().keep(runs)
        found.to_parquet(self.errors_path, index=False)


DISTANCES = (0, 0.1, 0.2, 0.4, 0.8, 2)
"""Of specs whose features reach from -1 to 1."""
ERRORS = (0, 0.001, 0.003, 0.01, 0.03, 0.1, 4)
STYLES = ("o-", "s-", "^-", "v-", "D-", "o--", "s--", "^--", "v:", "D:")
PAGE = HERE / "where_it_breaks.md"
PLUGINS = (HERE / "features_and_sources.py", HERE / "sources_of_thirty.py")
STUDY = Breaks("where_it_breaks", PLUGINS, CELLS)


def action_errors(run: StoredRun) -> pd.DataFrame:
    """How far a run's policies are from the demonstrators on what those meet.

    Target tasks' demonstrations are read after the fact, from runs that are finished.

    Returns:
        Columns ``run``, ``task`` (keys) and ``error`` (mean squared, of the actions).
    """
    record = run.record
    family = installed().make_family(record.family)
    targets = {task.key for task in record.targets}
    tasks = [task for task in family.tasks if task.key in targets]
    order = {task.key: i for i, task in enumerate(record.targets)}
    policies = run.policies(installed()).take([order[task.key] for task in tasks])
    losses = cloning_losses(policies, hb.load_demonstrations(family, tasks))
    keys = [task.key for task in tasks]
    return pd.DataFrame(
        {"run": record.key, "task": keys, "error": [float(loss) for loss in losses]}
    )


def read(runs: Path) -> pd.DataFrame:
    """One line for each fit and target task, with its causes beside its score.

    Columns: those of ``task_table``; ``features`` (how many vary, of a point mass; else missing);
    ``sources`` (how many); ``error`` (of the actions, on the
    demonstrator's states); ``training`` and ``validation`` (the fit's last losses).
    """
    stored = STUDY.stored(runs)
    by_board: dict[tuple[str, str], list[StoredRun]] = {}
    for one in stored:
        by_board.setdefault((one.record.family, one.record.protocol.id), []).append(one)
    tables = []
    for found in by_board.values():
        table = task_table(found)
        fits = {one.record.key: one.record for one in found if one.record.fit is not None}
        table = table[table["run"].isin(fits)].assign(score=lambda t: t["score"].clip(0, 1))
        last = {key: record.fit.curve[-1] for key, record in fits.items()}
        table["training"] = table["run"].map({key: point[1] for key, point in last.items()})
        table["validation"] = table["run"].map({key: point[2] for key, point in last.items()})
        sources = {key: len(record.split.source) for key, record in fits.items()}
        table["sources"] = table["run"].map(sources)
        tables.append(table)
    table = pd.concat(tables).merge(STUDY.errors(stored), on=["run", "task"], how="left")
    features = table["family"].str.extract(r"point-(\d)", expand=False)
    return table.assign(features=features.astype("Int64"))


def scores(found: pd.DataFrame, by: str) -> str:
    """Each method's mean score with its interval over splits, a column for each value.

    Above them stands how far target tasks are from the nearest source task, on average.
    """
    by_split = found.groupby(["method", by, "split_seed"])["score"].mean()
    away = found.groupby(by)["distance"].mean()
    values = sorted(found[by].unique())
    lines = [["*mean distance*", *(fixed(away[value], 2) for value in values)]]
    for method in in_order(found["method"]):
        lines.append([method, *(mean(by_split[method, value]) for value in values)])
    return markdown(["", *map(str, values)], lines)


def same_targets(found: pd.DataFrame) -> pd.DataFrame:
    """The target tasks that are judged whatever the number of source tasks."""
    numbers = found.groupby(["split_seed", "task"])["sources"].transform("nunique")
    return found[numbers == found["sources"].nunique()]


def by_value(found: pd.DataFrame, by: str, of: str = "score") -> dict[str, dict[int, str]]:
    """Each method's mean of a column, for each value, as text."""
    return {
        method: {value: fixed(each, 3) for value, each in part.groupby(by)[of].mean().items()}
        for method, part in found.groupby("method")
    }


def causes(found: pd.DataFrame, by: str) -> str:
    """Errors of the actions on source, validation and target tasks, a column for each value."""
    means = found.groupby(["method", by])[["training", "validation", "error"]].mean()
    values = sorted(found[by].unique())
    lines = []
    for method in in_order(found["method"]):
        rows = [means.loc[(method, value)] for value in values]
        lines.append([method, *(" / ".join(f"{one:.4f}" for one in row) for row in rows)])
    return markdown(["", *map(str, values)], lines)


def at_both_budgets(found: pd.DataFrame) -> pd.DataFrame:
    """The fits of which there are some of 6000 steps, and those of 1500 beside them."""
    longer = found["method"].str.endswith("[num_steps=6000]")
    names = found["method"].str.partition(" ")[0]
    found = found.assign(method=names, steps=longer.map({True: 6000, False: 1500}))
    again = found[longer]
    return found[found["method"].isin(again["method"]) & found["sources"].isin(again["sources"])]


def by_distance(found: pd.DataFrame) -> str:
    """Each method's mean score by how far a target's spec is from the nearest source's."""
    bands = banded(found["distance"], DISTANCES)
    means = found["score"].groupby([found["method"], bands], observed=True).mean()
    tasks = found.groupby(bands, observed=True)["task"].count() / found["method"].nunique()
    lines = [["*scored tasks*", *(f"{number:.0f}" for number in tasks)]]
    for method in in_order(found["method"]):
        lines.append([method, *(fixed(means.get((method, band)), 3) for band in tasks.index)])
    return markdown(["", *tasks.index], lines)


def closed_loop(found: pd.DataFrame) -> str:
    """How policies score whose actions are so far from the demonstrator's on its own states."""
    cut = found.assign(close=banded(found["error"], ERRORS))
    families = sorted(found["family"].unique())
    lines = []
    for label in cut["close"].cat.categories:
        cells = []
        for family in families:
            part = cut[(cut["family"] == family) & (cut["close"] == label)]["score"]
            failing = fixed(float((part < 0.5).mean()), 2)
            mean = fixed(float(part.mean()), 2)
            cells.append(f"{mean}; {failing} of {len(part)}" if len(part) else MISSING)
        lines.append([label, *cells])
    return markdown(["", *families], lines)


def banded(values: pd.Series, edges: Sequence[float]) -> pd.Series:
    """Which band each value is in, as text."""
    labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return pd.cut(values, edges, labels=labels, include_lowest=True)


def in_order(methods: pd.Series) -> list[str]:
    """Methods as they are listed, then rows with settings."""
    return sorted(set(methods), key=lambda name: (*map(name.__ne__, METHODS), name))


def page(found: pd.DataFrame) -> str:
    """The page's text."""
    plain = found[found["method"].isin(METHODS)]
    points = plain[plain["features"].notna()]
    structures = found[(found["features"] == 3) & found["method"].str.startswith("hypogen")]
    cheetahs = {suite: plain[plain["family"].str.startswith(suite)] for suite in CHEETAHS}
    longer = at_both_budgets(found[found["family"].str.startswith("independent")])
    return render(
        "where_it_breaks.md.j2",
        point=by_value(points, "features"),
        point_error=by_value(points, "features", "error"),
        structure=by_value(structures, "features"),
        cheetah={suite: by_value(part, "sources") for suite, part in cheetahs.items()},
        budget=by_value(longer, "steps"),
        features=scores(points, "features"),
        features_causes=causes(points, "features"),
        structures=scores(structures, "features"),
        structures_causes=causes(structures, "features"),
        sources={suite: scores(part, "sources") for suite, part in cheetahs.items()},
        sources_causes={suite: causes(part, "sources") for suite, part in cheetahs.items()},
        same_targets=scores(same_targets(cheetahs["tracking/cheetah-speed"]), "sources"),
        budgets=scores(longer, "steps"),
        budgets_causes=causes(longer, "steps"),
        distances={suite: by_distance(part) for suite, part in cheetahs.items()},
        loop=closed_loop(plain),
    )


def write(runs: Path) -> None:
    """Write the page, and draw the curves."""
    found = read(runs)
    PAGE.write_text(page(found), encoding="utf-8")
    draw(found[found["method"].isin(METHODS)], HERE / "where_it_breaks.png")


def draw(found: pd.DataFrame, path: Path) -> None:
    """Each method's score against the number of features, and of source tasks."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 1 + len(CHEETAHS), figsize=(13, 4), sharey=True)
    points = found[found["features"].notna()]
    parts = [("features varied, of a point mass", points.assign(x=points["features"]))]
    for suite in CHEETAHS:
        part = found[found["family"].str.startswith(suite)]
        parts.append((f"source tasks, {suite}", part.assign(x=part["sources"])))
    for panel, (label, part) in zip(panels, parts, strict=True):
        for method, style in zip(METHODS, STYLES, strict=True):
            means = part[part["method"] == method].groupby("x")["score"].mean()
            panel.plot(means.index, means, style, label=method, markersize=4)
        panel.set(xlabel=label, ylim=(0, 1.02), xticks=sorted(part["x"].unique()))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("score")
    panels[-1].legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    sys.exit(STUDY.main(__doc__, write))
