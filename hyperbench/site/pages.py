"""The site's pages, as text: they ask nobody for anything but each other and one script."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from hyperbench.boards.literature import find_literature
from hyperbench.hookspecs import MethodEntry
from hyperbench.registry import installed
from hyperbench.report.page import PLOTLY, common, environment, page_parts
from hyperbench.report.palette import styles
from hyperbench.report.sweep import sweeps
from hyperbench.site.boards import SiteBoard, file_name, read_boards
from hyperbench.site.views import glance_view, list_view, method_view, page_of

GLANCE, FIRST, PUBLISHED = "glance.svg", "index.html", "published.html"


def board_pages(folder: Path, documented: Collection[str] | None = None) -> dict[str, str]:
    """Make the pages of all boards in a folder.

    Args:
        folder: of committed boards; beside them published tables may lie.
        documented: methods that have a page in the documentation, which lies a folder above; None
            where there is no documentation.

    Returns:
        Their contents, by name; ``index.html`` is the first.

    Raises:
        DataError: there are no boards, or one is damaged.
    """
    env = environment("hyperbench.site", "hyperbench.report")
    boards = read_boards(folder)
    looks = styles(board.content.board for board in boards)
    published = [
        table for tables in find_literature(sorted(folder.iterdir())).values() for table in tables
    ]
    shared = {
        "documented": documented,
        "published": PUBLISHED if published else None,
        "made_by": "hyperbench site",
    }
    glance = glance_view(boards, looks)
    known: Mapping[str, MethodEntry] = installed().methods
    pages = {
        PLOTLY.name: PLOTLY.read_text(encoding="utf-8"),
        GLANCE: env.get_template("glance.svg.j2").render(
            **common("Every board at a glance"), glance=glance
        ),
        FIRST: env.get_template("first.html.j2").render(
            **common("Policies for unseen tasks: every board"),
            **shared,
            glance=glance,
            boards=[list_view(board) for board in boards],
        ),
    }
    curves = sweeps([board.content for board in boards])
    for board in boards:
        own = [curve for curve in curves if curve.has(board.content)]
        links = {row: page_of(row, boards) for row in board.methods}
        pages[board.page] = env.get_template("board_page.html.j2").render(
            **common(f"Policies for unseen tasks: {board.content.board.title}"),
            **shared,
            **page_parts([board.content], {}, looks, own),
            links=links,
        )
    for name in _methods(boards):
        pages[file_name("methods", name)] = env.get_template("method.html.j2").render(
            **common(name), **shared, method=method_view(name, boards, looks), entry=known.get(name)
        )
    if published:
        pages[PUBLISHED] = env.get_template("published.html.j2").render(
            **common("Published, not measured here"), **shared, tables=published
        )
    return pages


def _methods(boards: Sequence[SiteBoard]) -> list[str]:
    return sorted({name for board in boards for name in board.methods.values()})
