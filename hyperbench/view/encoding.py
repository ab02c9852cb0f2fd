"""Text on streams that cannot show every character."""

from __future__ import annotations

import codecs
import sys
import unicodedata

_PLAIN = {
    "–": "-", "—": "-", "…": "...", "‘": "'", "’": "'", "“": '"', "”": '"', "→": "->", "×": "x",
    "±": "+/-", "≤": "<=", "≥": ">=", "·": "*", "•": "*", "τ": "tau",
}  # fmt: skip
"""What is written in ASCII where a stream has no such character."""
_ERRORS = "hyperbench-plain"


def show_everything() -> None:
    """Let standard output and error take any text, whatever the locale's encoding.

    What it lacks is written in ASCII, and the bytes of paths that are no text as they are: a board
    that took hours to measure must not be lost to a dash.
    """
    codecs.register_error(_ERRORS, _plain)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and stream.errors in ("strict", "backslashreplace"):
            reconfigure(errors=_ERRORS)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    letter = error.object[error.start]
    if "\udc80" <= letter <= "\udcff":
        return bytes([ord(letter) - 0xDC00]), error.start + 1
    decomposed = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    shown = _PLAIN.get(letter) or decomposed or letter.encode("ascii", "backslashreplace").decode()
    return shown, error.start + 1
