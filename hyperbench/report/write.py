"""What the command ``report`` does: read records, draw, write files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hyperbench.boards.choice import EVERYTHING, Choice, find_chosen
from hyperbench.errors import UnknownNameError
from hyperbench.files import write_file
from hyperbench.report.clips import make_clips
from hyperbench.report.content import BoardContent, read_content
from hyperbench.report.figures import write_figures
from hyperbench.report.needs import require
from hyperbench.report.page import render_page


def write_report(
    folders: Sequence[Path],
    page: Path | None,
    figures: Path | None,
    videos: bool,
    tell: Callable[[str], None],
    choice: Choice = EVERYTHING,
    rows: Sequence[str] = (),
) -> list[Path]:
    """Write the page, the figures, or both, of the runs in some folders.

    Args:
        folders: where ``hyperbench run`` wrote.
        page: the HTML file; None for none.
        figures: the folder of PDFs; None for none.
        videos: whether to film policies for the page.
        tell: receives lines on what is being done.
        choice: which of these runs.
        rows: as a board names them, to show these alone; without any, all.

    Returns:
        The files written.

    Raises:
        HyperbenchError: a package that is needed is not installed.
        DataError: there are no runs, they are damaged, or a file cannot be written.
    """
    wanted = [("jinja2",) if page else (), ("matplotlib",) if figures else ()]
    require(*(package for packages in wanted for package in packages))
    contents = read_content(find_chosen(folders, choice))
    if rows:
        contents = _narrowed(contents, rows)
    written = []
    if page is not None:
        clips = {
            (content.board.title, family): found
            for content in contents
            if videos
            for family, found in make_clips(content, tell).items()
        }
        write_file(page, render_page(contents, clips))
        written.append(page)
    if figures is not None:
        written += write_figures(contents, figures, rows)
    return written


def _narrowed(contents: Sequence[BoardContent], rows: Sequence[str]) -> list[BoardContent]:
    known = {row.method for content in contents for row in content.board.rows}
    for row in rows:
        if row not in known:
            raise UnknownNameError("row", row, known)
    narrowed = (content.narrowed(rows) for content in contents)
    return [content for content in narrowed if content.board.rows]
