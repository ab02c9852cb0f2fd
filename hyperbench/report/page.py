"""The report as one self-contained page: tables and charts that need no network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib import metadata, resources
from typing import TYPE_CHECKING

from hyperbench.report.charts import Chart
from hyperbench.report.content import BoardContent
from hyperbench.report.needs import require
from hyperbench.report.palette import colours, styles
from hyperbench.report.runs import runs_view
from hyperbench.report.sections import board_view
from hyperbench.report.sweep import sweep_chart, sweeps

if TYPE_CHECKING:
    from hyperbench.report.clips import Clip

_TEMPLATES = resources.files("hyperbench.report") / "templates"
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
    require("jinja2", "plotly")
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    env = Environment(
        loader=PackageLoader("hyperbench.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    env.filters["sort_key"] = sort_key
    looks = styles(content.board for content in contents)
    drawn: dict[str, Chart] = {}
    boards = []
    for i, content in enumerate(contents):
        view = {**board_view(content, f"b{i}", looks, drawn), **runs_view(content)}
        for family in view["families"]:
            family["films"] = clips.get((content.board.title, family["label"]), ())
        boards.append(view)
    found = sweeps(contents)
    drawn.update({f"s{i}": sweep_chart(sweep, looks) for i, sweep in enumerate(found)})
    # "<" could end the script element that holds it.
    text = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", r"\u003c")
    return env.get_template("page.html.j2").render(
        title=_title(contents),
        version=metadata.version("hyperbench-rl"),
        boards=boards,
        sweeps=[(f"s{i}", sweep) for i, sweep in enumerate(found)],
        styles=list(looks.values()),
        light=colours(dark=False),
        dark=colours(dark=True),
        css=Markup((_TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704 -- our own file
        script=Markup((_TEMPLATES / "script.js").read_text(encoding="utf-8")),  # noqa: S704 -- our own file
        plotly=Markup(get_plotlyjs()),  # noqa: S704 -- Plotly's own file
        charts=Markup(text),  # noqa: S704 -- escaped above
        filmed=bool(clips),
    )


def sort_key(text: str) -> str:
    """What a cell is sorted by: its first number, or nothing where there is none."""
    found = _NUMBER.match(text)
    return found[1].replace(",", "") if found else ""


def _title(contents: Sequence[BoardContent]) -> str:
    families = {family for content in contents for family in content.board.families}
    suites = sorted({family.partition("/")[0] for family in families})
    what = next(iter(families)) if len(families) == 1 else " and ".join(suites)
    return f"Policies for unseen tasks: {what}"
