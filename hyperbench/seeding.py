"""Seeds derived from content, so that no result depends on the order in which work is done."""

from __future__ import annotations

import hashlib
import json

SEED_BITS = 48  # exact in JSON, HDF5, NumPy and torch alike


def content_hash(content: object, num_digits: int = 16) -> str:
    """Hash JSON-like content; equal content gives equal digits on every machine.

    Args:
        content: anything ``json.dumps`` accepts; the order of dictionary keys does not matter.
        num_digits: length of the result, at most 64.

    Returns:
        Lower-case hexadecimal digits of the SHA-256 of the canonical JSON.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:num_digits]


def child_seed(root: int, *labels: str | int) -> int:
    """Derive a seed for one purpose from a root seed.

    Args:
        root: the seed to derive from.
        labels: what the seed is for, e.g. ``"episode", task.key, 3``. Use content (keys, names),
            never a position in a loop.

    Returns:
        A seed in [0, 2**48), independent of every other label's for all practical purposes.
    """
    return int(content_hash([root, *labels], 64), 16) >> (256 - SEED_BITS)
