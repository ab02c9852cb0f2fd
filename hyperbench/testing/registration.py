"""What registering a plugin costs every command: time, and heavy libraries that it imports."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hyperbench.errors import HyperbenchError
from hyperbench.registry import installed_plugins
from hyperbench.registry.files import file_sources
from hyperbench.registry.plugins import load_plugin

HEAVY = ("torch", "tensorflow", "jax", "mujoco", "dm_control", "metaworld")
"""What takes seconds to import, and is of use to none but those who fit or play."""


@dataclass(frozen=True)
class Registration:
    """How a plugin was registered in a process of its own.

    Args:
        seconds: that it took, hyperbench itself not counted.
        heavy: by heavy library who asked for it, file by file.
    """

    seconds: float
    heavy: dict[str, str]


def registration_of(plugin: str) -> Registration:
    """Register a plugin in a new process, and look what that takes.

    Args:
        plugin: ``distribution:name`` of one that is installed; a file or a class to be plugged in.

    Raises:
        HyperbenchError: it ends without a word.
    """
    program = f"from {__name__} import look; look({plugin!r})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise HyperbenchError(f"Plugin {plugin} cannot be registered: {done.stderr.strip()}")
    return Registration(**json.loads(done.stdout.splitlines()[-1]))


def look(plugin: str) -> None:
    """Register a plugin here, and print what ``Registration`` says."""
    sources = [s for s in installed_plugins() if f"{s.distribution}:{s.name}" == plugin]
    watch = _Watch()
    sys.meta_path.insert(0, watch)
    started = time.perf_counter()
    if sources:
        load_plugin(sources[0])
    else:
        file_sources([plugin])
    print(json.dumps({"seconds": time.perf_counter() - started, "heavy": watch.found}))


class _Watch:
    """Notes who is the first to import a heavy library; finds nothing itself."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002
        if name in HEAVY and name not in self.found:
            self.found[name] = ", for ".join(_importers(sys._getframe(1)))


def _importers(frame: FrameType | None) -> Iterator[str]:
    """Files that are being imported, and the line each is at, the last one first."""
    own = {"hyperbench.registry", __name__}
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if (
            frame.f_code.co_name == "<module>"
            and module.rpartition(".")[0] not in own
            and module != "__main__"
        ):
            yield f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"
        frame = frame.f_back
