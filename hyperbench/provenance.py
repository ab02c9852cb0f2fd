"""Where and with what a result was made."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from threadpoolctl import threadpool_info

_LIBRARIES = (
    "numpy",
    "scipy",
    "gymnasium",
    "torch",
    "mujoco",
    "dm_control",
    "minari",
    "safetensors",
)


class Provenance(BaseModel):
    """Where and with what a run was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    created: str
    """UTC, ISO 8601."""
    versions: dict[str, str]
    """Python, hyperbench's distributions and the libraries that decide results."""
    machine: str
    """Operating system and processor."""
    kernels: str | None = None
    """NumPy's kernels for linear algebra, chosen for the processor: what rounding depends on. None
    where the library does not say, and in older records."""
    num_cores: int
    """Cores of the machine."""
    commit: str | None
    """Commit of the source tree the code was run from; None for an installed package."""
    dirty: bool | None
    """Whether the source tree had uncommitted changes; None for an installed package."""


def provenance() -> Provenance:
    """Describe this process's surroundings."""
    commit, dirty = _source_tree()
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
        machine=f"{platform.system()} {platform.machine()}, {_processor()}",
        kernels=_kernels(),
        num_cores=os.cpu_count() or 1,
        commit=commit,
        dirty=dirty,
    )


def _kernels() -> str | None:
    said = {
        f"{library['internal_api']} {library['architecture']}"
        for library in threadpool_info()
        if "architecture" in library
    }
    return ", ".join(sorted(said)) or None


@cache
def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for distribution in metadata.distributions():
        name = distribution.name
        if name and (name in _LIBRARIES or name.startswith("hyperbench")):
            versions[name] = distribution.version
    return dict(sorted(versions.items()))


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


@cache
def _source_tree() -> tuple[str | None, bool | None]:
    """Commit and whether it was changed since, of the tree this file lies in."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)  # noqa: S603
        return done.stdout.strip()

    try:
        # An installed package may lie inside somebody else's repository.
        if not (
            Path(git("rev-parse", "--show-toplevel")) / "hyperbench" / "provenance.py"
        ).exists():
            return None, None
        return git("rev-parse", "HEAD"), bool(git("status", "--porcelain", "--", "*.py"))
    except (OSError, subprocess.SubprocessError):
        return None, None
