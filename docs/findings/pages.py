"""What the pages that are made of records share: templates, and cells of their tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2

from hyperbench.boards.row import Estimate
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


def markdown(lines: list[list[str]]) -> str:
    """Cells as a table without a title."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
