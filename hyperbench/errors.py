"""Errors a user can act on: what was asked, what was found, what to do."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable, Sequence


class HyperbenchError(Exception):
    """Base of every error that is the user's to mend; the CLI prints it without a traceback."""


_INSTALLED = ("suite", "family", "method", "protocol")
"""Kinds of names that packages bring."""


class UnknownNameError(HyperbenchError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, asked: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        close = difflib.get_close_matches(asked, known, n=1)
        parts = [f"Unknown {kind} {asked!r}."]
        if close:
            parts.append(f"Did you mean {close[0]!r}?")
        found = "Installed" if kind in _INSTALLED else "There are"
        parts.append(f" {found}: {', '.join(known) or 'none'}.")
        if hint:
            parts.append(hint)
        super().__init__(" ".join(parts))


class SpecError(HyperbenchError):
    """A task specification that lies outside its spec space or names another one's features."""


class SpaceError(HyperbenchError):
    """Observations or actions of a kind that policies cannot have."""


class ProtocolError(HyperbenchError):
    """A protocol that cannot be applied to a family."""


class DataError(HyperbenchError):
    """Demonstrations or records that are missing, altered or unreadable."""


class StorageError(DataError):
    """A place that cannot be written or read, whatever is kept there: full, closed, gone."""


class NewerRecordError(DataError):
    """A record of a newer version of hyperbench, which must not be replaced."""


class PluginError(HyperbenchError):
    """A plugin that cannot be loaded or that contradicts another one."""


class NotFittedError(HyperbenchError):
    """A generator asked for policies before it was fitted."""

    def __init__(self, generator: object) -> None:
        super().__init__(
            f"{type(generator).__name__}.generate was called before fit. "
            "Call fit(demonstrations, ...) or load(path) first."
        )


class SupportError(HyperbenchError):
    """A few-shot generator asked for policies without demonstrations of their tasks."""

    def __init__(self, generator: object) -> None:
        super().__init__(
            f"{type(generator).__name__}.generate needs support: demonstrations of every spec. "
            "Call generate(specs, support), or run it under a few-shot protocol."
        )


class ContractError(HyperbenchError, AssertionError):
    """A family or method that breaks its contract; see ``hyperbench.testing``."""


def contract_error(subject: str, asked: str, found: str, remedy: str) -> ContractError:
    """Make an error that says what was asked, what was found and what to do."""
    return ContractError(f"{subject}: {asked}\n  Found: {found}\n  {remedy}")


_NUM_NAMED = 5


def listed(names: Sequence[str], separator: str = ", ") -> str:
    """The first few of some names, and how many others there are."""
    rest = len(names) - _NUM_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return separator.join(names[:_NUM_NAMED]) + more


_MOST_OF_A_LINE, _MOST_OF_A_TRACEBACK = 2_000, 100_000


def one_line(error: BaseException) -> str:
    """An error as a record keeps it: its kind and what it says, in one printable line."""
    try:
        said = str(error)
    except Exception:  # whatever a stranger's error raises when it is asked
        said = "(it cannot be said)"
    return _printable(" ".join(f"{type(error).__name__}: {said}".split()), _MOST_OF_A_LINE)


def traceback_of(error: BaseException) -> str:
    """Where an error comes from, printable, in as many lines as that takes."""
    return _printable("".join(traceback.format_exception(error)), _MOST_OF_A_TRACEBACK)


def _printable(text: str, most: int) -> str:
    """A text that every file and terminal can show, and no longer than ``most`` characters."""
    rest = len(text) - most
    # Control characters move a terminal's cursor, and lone surrogates are no UTF-8.
    shown = "".join(
        letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1]
        for letter in text[:most]
    )
    return f"{shown} … ({rest:,} characters more)" if rest > 0 else shown
