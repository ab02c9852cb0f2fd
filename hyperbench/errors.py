"""Errors a user can act on: what was asked, what was found, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


class ProtocolError(HyperbenchError):
    """A protocol that cannot be applied to a family."""


class DataError(HyperbenchError):
    """Demonstrations or records that are missing, altered or unreadable."""


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
    """A family or method that breaks its contract; raised by ``hyperbench.testing``."""
