"""Where and with what a result was made."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict
from threadpoolctl import threadpool_info

_CORE = "hyperbench-rl"


class Provenance(BaseModel):
    """Where and with what a run was made."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    created: str
    """UTC, ISO 8601."""
    versions: dict[str, str]
    """Python, hyperbench, the distributions of method and family, and what these depend on."""
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


def provenance(distributions: Iterable[str] = ()) -> Provenance:
    """Describe this process's surroundings.

    Args:
        distributions: of the method and the family that a result is of.
    """
    commit, dirty = _source_tree()
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(tuple(sorted({_CORE, *distributions}))),
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
def _versions(distributions: tuple[str, ...]) -> dict[str, str]:
    """Versions of some distributions and of what they say that they depend on.

    What is itself built on hyperbench, such as a library of several worlds, is followed further.
    """
    versions = {"python": platform.python_version()}
    waiting = list(distributions)
    while waiting:
        try:
            found = metadata.distribution(waiting.pop())
        except metadata.PackageNotFoundError:  # an extra, or a plugin that is a bare folder
            continue
        if found.name in versions:
            continue
        versions[found.name] = found.version
        needed = _requirements(found)
        if found.name == _CORE or canonicalize_name(_CORE) in map(canonicalize_name, needed):
            waiting += needed
    return dict(sorted(versions.items()))


def _requirements(distribution: metadata.Distribution) -> list[str]:
    """Names of what a distribution needs here, extras apart."""
    requirements = map(Requirement, distribution.requires or ())
    return [
        requirement.name
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    ]


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
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
