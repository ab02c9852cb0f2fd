"""Protocols that differ in the number of source tasks alone, drawn over that number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hyperbench.boards.headline import Headline, headline_of
from hyperbench.boards.method_runs import MethodRuns
from hyperbench.boards.statistic import BY_NAME
from hyperbench.boards.worlds import world_of
from hyperbench.report import charts
from hyperbench.report.charts import Chart
from hyperbench.report.content import BoardContent, FamilyContent, LabelledRun
from hyperbench.report.palette import Style
from hyperbench.report.series import Curve, num_runs_note


@dataclass(frozen=True)
class Sweep:
    """One family under protocols of one ``split_label``.

    Args:
        label: the ``split_label``, such as ``scarce-v1``.
        families: the family as each board has it, by number of source tasks, fewest first.
        runs: those of the family, likewise.
    """

    label: str
    families: Mapping[int, FamilyContent]
    runs: Mapping[int, Sequence[LabelledRun]]

    @property
    def family(self) -> str:
        """The name of its column."""
        return next(iter(self.families.values())).label

    @property
    def headline(self) -> Headline:
        """What is drawn."""
        return headline_of([family.info for family in self.families.values()])

    def has(self, content: BoardContent) -> bool:
        """Whether a board is a point of it."""
        return any(own is one for own in content.families for one in self.families.values())

    def drawn(self, styles: Mapping[str, Style]) -> list[Style]:
        """The styles of the methods that occur, in the order in which they are drawn."""
        return charts.drawn(pd.concat(f.table for f in self.families.values()), styles)

    def curve(self, method: str) -> Curve:
        """What boards say of a method in this family; the band is the statistic's 95 % interval."""
        points = []
        for num_source, family in self.families.items():
            lines = family.table[family.table["method"] == method]
            records = [run.record for run in self.runs[num_source] if run.method == method]
            if len(lines):
                found = BY_NAME[self.headline.name].estimate(MethodRuns(method, records, lines))
                count = lines["run"].nunique()
                points.append((num_source, found.value, found.low, found.high, count))
        x, y, low, high, counts = np.array(points, dtype=np.float64).reshape(-1, 5).T
        return Curve(x, y, low, high, tuple(num_runs_note(int(count)) for count in counts))


def sweeps(contents: Sequence[BoardContent]) -> list[Sweep]:
    """Find families that boards of one ``split_label`` share, in one world and with two sources.

    Args:
        contents: the boards, as ``read_content`` gives them.
    """
    found: dict[tuple[str, ...], dict[int, tuple[FamilyContent, Sequence[LabelledRun]]]] = {}
    for content in contents:
        protocol = content.runs[0].record.protocol
        if protocol.num_source is None or protocol.split_label is None:
            continue
        for family in content.families:
            runs = [run for run in content.runs if run.family == family.label]
            key = (protocol.split_label, *world_of(runs[0].record))
            found.setdefault(key, {})[protocol.num_source] = family, runs
    return [
        Sweep(
            label,
            {num: family for num, (family, _) in sorted(boards.items())},
            {num: runs for num, (_, runs) in boards.items()},
        )
        for (label, *_), boards in found.items()
        if len(boards) > 1
    ]


def sweep_chart(sweep: Sweep, styles: Mapping[str, Style]) -> Chart:
    """Headline over the number of source tasks, a line a method."""
    traces = []
    for style in sweep.drawn(styles):
        traces += charts.curve_traces(sweep.curve(style.method), style, "%{y:.3f}%{customdata}")
    return {
        "data": traces,
        "layout": {
            **charts.compared_at_x(
                "source tasks", "%{x} source tasks", tickvals=list(sweep.families)
            ),
            "yaxis": {"title": {"text": sweep.headline.axis}},
        },
    }
