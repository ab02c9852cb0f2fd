"""What the pages that are made of records share: templates, and cells of their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from hyperbench.boards.row import Estimate
from hyperbench.statistics import t_interval
from hyperbench.table import bracket, fixed

HERE = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """Fill a template of this folder."""
    environment = jinja2.Environment(  # noqa: S701 -- Markdown, of our own numbers
        loader=jinja2.FileSystemLoader(HERE),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(**values)


def text(found: Estimate) -> str:
    """A number with its interval, if it has one."""
    number = fixed(found.value, 3)
    return number if found.interval is None else f"{number} {bracket(found.interval)}"


def mean(values: pd.Series) -> str:
    """The mean of independent values with Student's interval, as text."""
    low, high = t_interval(values) or (None, None)
    return text(Estimate(None if values.empty else float(values.mean()), low, high))


def signed(difference: float | None, interval: tuple[float, float] | None) -> str:
    """A difference with its interval, as text."""
    sign = "" if difference is None or difference < 0 else "+"
    return f"{sign}{fixed(difference, 3)} {bracket(interval)}"


def markdown(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Cells as a table without a title; all columns but the first have numbers."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *lines))
