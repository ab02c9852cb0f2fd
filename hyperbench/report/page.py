"""The report as one self-contained page: tables and charts that need no network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from typing import TYPE_CHECKING, Any

from hyperbench.report.charts import Chart
from hyperbench.report.content import BoardContent
from hyperbench.report.needs import require
from hyperbench.report.palette import Style, colours, styles
from hyperbench.report.runs import runs_view
from hyperbench.report.sections import board_view
from hyperbench.report.sweep import Sweep, sweep_chart, sweeps

if TYPE_CHECKING:
    from jinja2 import Environment

    from hyperbench.report.clips import Clip

_TEMPLATES = resources.files("hyperbench.report") / "templates"
PLOTLY = _TEMPLATES / "plotly-cartesian.min.js"
"""Plotly's bundle of what has two axes, a third of the whole."""
_NUMBER = re.compile(r"\[?(-?\d[\d,]*\.?\d*(?:e-?\d+)?)")


def render_page(
    contents: Sequence[BoardContent], clips: Mapping[tuple[str, str], Sequence[Clip]]
) -> str:
    """Write the page.

    Args:
        contents: the boards, as ``read_content`` gives them.
        clips: films per protocol and family label; none need be there.

    Returns:
        HTML.

    Raises:
        HyperbenchError: a package of the extra ``report`` is not installed.
    """
    from markupsafe import Markup

    looks = styles(content.board for content in contents)
    return (
        environment("hyperbench.report")
        .get_template("page.html.j2")
        .render(
            **common(_title(contents)),
            **page_parts(contents, clips, looks, sweeps(contents)),
            plotly=Markup(PLOTLY.read_text(encoding="utf-8")),  # noqa: S704 -- Plotly's own file
            made_by="hyperbench report",
            links={},
        )
    )


def environment(*packages: str) -> Environment:
    """What the pages are made with.

    Args:
        packages: whose folders ``templates`` are searched, in this order.

    Raises:
        HyperbenchError: a package of the extra ``report`` is not installed.
    """
    require("jinja2")
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.filters["sort_key"] = sort_key
    return env


def common(title: str) -> dict[str, Any]:
    """What every page has: its title, colours, style sheet and scripts."""
    from markupsafe import Markup

    def own(name: str) -> Markup:
        return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704 -- our own file

    return {
        "title": title,
        "version": metadata.version("hyperbench-rl"),
        "light": colours(dark=False),
        "dark": colours(dark=True),
        "css": own("style.css"),
        "tables_script": own("tables.js"),
        "charts_script": own("charts.js"),
    }


def page_parts(
    contents: Sequence[BoardContent],
    clips: Mapping[tuple[str, str], Sequence[Clip]],
    looks: Mapping[str, Style],
    curves: Sequence[Sweep],
) -> dict[str, Any]:
    """What a page shows of some boards.

    Args:
        contents: the boards.
        clips: as of ``render_page``.
        looks: styles of at least their methods.
        curves: over the number of source tasks, on which they are points.
    """
    from markupsafe import Markup

    drawn: dict[str, Chart] = {}
    boards = []
    for i, content in enumerate(contents):
        view = {**board_view(content, f"b{i}", looks, drawn), **runs_view(content)}
        for family in view["families"]:
            family["films"] = clips.get((content.board.title, family["label"]), ())
        boards.append(view)
    drawn.update({f"s{i}": sweep_chart(curve, looks) for i, curve in enumerate(curves)})
    # "<" could end the script element that holds it.
    text = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", r"\u003c")
    present = {row.method for content in contents for row in content.board.rows}
    return {
        "boards": boards,
        "sweeps": [(f"s{i}", curve) for i, curve in enumerate(curves)],
        "styles": [style for method, style in looks.items() if method in present],
        "charts": Markup(text),  # noqa: S704 -- escaped above
        "filmed": bool(clips),
    }


def sort_key(text: str) -> str:
    """What a cell is sorted by: its first number, or nothing where there is none."""
    found = _NUMBER.match(text)
    return found[1].replace(",", "") if found else ""


def _title(contents: Sequence[BoardContent]) -> str:
    families = {family for content in contents for family in content.board.families}
    suites = sorted({family.partition("/")[0] for family in families})
    what = next(iter(families)) if len(families) == 1 else " and ".join(suites)
    return f"Policies for unseen tasks: {what}"
