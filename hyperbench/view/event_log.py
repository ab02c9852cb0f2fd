"""What a program sees while runs are going on: events, as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from hyperbench.disk import writing
from hyperbench.events import Event


class EventLog:
    """Adds each event to a file as one line of JSON: the fields of ``Event``, and ``label``.

    Args:
        path: the file, or a pipe; what it holds stays.

    Raises:
        StorageError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._labels: dict[str, str] = {}
        with writing(path, "Choose another file with --events."):
            self._file = path.open("a", encoding="utf-8")

    def name(self, labels: Mapping[str, str]) -> None:
        """Say what runs are called."""
        self._labels |= labels

    def __call__(self, event: Event) -> None:
        said = asdict(event) | {"label": self._labels.get(event.run, event.run)}
        self._file.write(json.dumps(said) + "\n")
        self._file.flush()
