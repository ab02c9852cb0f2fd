"""What ``hyperbench site`` does: the boards' pages, within the documentation if it is near."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from hyperbench.errors import DataError, HyperbenchError
from hyperbench.files import new_folder
from hyperbench.registry.clone import source_tree
from hyperbench.report.needs import require
from hyperbench.site.pages import board_pages

MARK = ".hyperbench-site"
"""Says that a folder is a site, which may be replaced whole."""
_REMEDY = "Choose another place with --output."


def write_site(boards: Path, output: Path, tell: Callable[[str], None]) -> None:
    """Write the site of the boards in a folder; one that is there already is replaced.

    Args:
        boards: folder of committed boards.
        output: folder of the site.
        tell: receives a line on what is left out.

    Raises:
        HyperbenchError: a package is missing, or a page of the documentation is faulty.
        DataError: there are no boards, or the folder of the site holds something else.
    """
    require("jinja2", what="The site", extra="site")
    if output.exists() and not (output / MARK).exists() and any(output.iterdir()):
        raise DataError(f"{output} holds what is no site of this command. {_REMEDY}")
    clone = source_tree()
    config = clone and clone.root / "mkdocs.yml"
    with new_folder(output, _REMEDY) as draft:
        if config and config.exists():
            require("mkdocs", "material", "mkdocstrings", what="The site", extra="site")
            _with_documentation(config, boards, draft)
        else:
            tell("The documentation is not here, as hyperbench is no clone: the boards alone.")
            for name, content in board_pages(boards).items():
                (draft / name).write_text(content, encoding="utf-8")
        (draft / MARK).touch()


def _with_documentation(config: Path, boards: Path, folder: Path) -> None:
    """Let MkDocs build everything; ``docs/site_pages.py`` asks for the boards' pages."""
    # Its theme would print an announcement.
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    said = StringIO()
    handler = logging.StreamHandler(said)
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("mkdocs")
    logger.addHandler(handler)
    try:
        settings = load_config(str(config), site_dir=str(folder))
        settings.extra["leaderboards"] = str(boards.resolve())
        build(settings)
    except (MkDocsException, SystemExit) as error:
        why = said.getvalue().strip() or error
        raise HyperbenchError(f"The documentation cannot be built: {why}") from error
    finally:
        logger.removeHandler(handler)
