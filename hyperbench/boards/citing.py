"""What is to be cited of some runs, as BibTeX: papers of methods and suites, and the boards."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata

from hyperbench.boards.latex import escape
from hyperbench.boards.worlds import by_board, suite_of
from hyperbench.records.store import StoredRun
from hyperbench.registry import installed

_PAPER = re.compile(
    r"(?:.*\bof )?(?P<author>[A-Z][\w-]+) et al\., (?:(?P<title>.+), )?"
    r"(?P<venue>[^,\d]*?) ?(?P<year>\d{4})(?:, fine-tuned)?"
)
_AUTHORS = "{The hyperbench authors}"


def bibtex(runs: Sequence[StoredRun]) -> str:
    """An entry for hyperbench, each board, and each paper that a method or a family names.

    A comment says who names it. What is no reference of the form ``Author et al., Title, Venue
    Year`` becomes the title as it stands. Authors are as far as they are said: the first, and
    others.

    Args:
        runs: the papers of their methods are those of the methods that are installed.
    """
    uses: dict[str, set[str]] = {}
    for record in (run.record for run in runs):
        suite = suite_of(record)
        papers = [(text, f"suite {suite}") for text in record.family_info.citation.split(";")]
        if record.method in installed().methods:
            paper = installed().methods[record.method].paper
            papers.append((paper, f"method {record.method}"))
        for text, user in papers:
            if text.strip() and not text.strip().startswith("hyperbench"):
                uses.setdefault(text.strip(), set()).add(user)
    version = metadata.version("hyperbench-rl")
    own = {"author": _AUTHORS, "title": "hyperbench", "version": version}
    found = {"hyperbench": ("software", own, {"all"})}
    for (suite, protocol, rules), members in by_board(runs).items():
        fields = {
            "author": _AUTHORS,
            "title": f"hyperbench board: {suite} under {protocol}",
            "note": f"rules {rules[:12]}, {len(members)} runs",
        }
        found[f"board-{suite}-{protocol}"] = "misc", fields, {"the board"}
    for text in sorted(uses, key=lambda text: (-len(text), text)):
        key, fields = _entry(text)
        # A shorter form of what is there, such as without its title.
        known = found.setdefault(key, ("misc", fields, set()))
        known[2].update(uses[text])
    return "\n".join(
        _written(kind, key, fields, users) for key, (kind, fields, users) in found.items()
    )


def _entry(text: str) -> tuple[str, dict[str, str]]:
    paper = _PAPER.fullmatch(text)
    if paper is None:
        return re.sub(r"\W+", "-", text.lower()).strip("-")[:40], {"title": text}
    fields = {
        "author": f"{paper['author']} and others",
        "title": paper["title"] or "",
        "howpublished": paper["venue"],
        "year": paper["year"],
    }
    return f"{paper['author'].lower()}{paper['year']}", {n: v for n, v in fields.items() if v}


def _written(kind: str, key: str, fields: dict[str, str], users: set[str]) -> str:
    lines = [f"  {name} = {{{_value(name, text)}}}," for name, text in fields.items()]
    return "\n".join([f"% {', '.join(sorted(users))}", f"@{kind}{{{key},", *lines, "}"]) + "\n"


def _value(name: str, text: str) -> str:
    return text if name == "author" else f"{{{escape(text)}}}" if name == "title" else escape(text)
