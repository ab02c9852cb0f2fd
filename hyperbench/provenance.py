"""Where and with what a result was made."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from pydantic import BaseModel, ConfigDict, Field
from threadpoolctl import threadpool_info

from hyperbench.registry.code import is_library

CORE = "hyperbench-rl"
"""Hyperbench's own distribution."""


class Source(BaseModel):
    """Which state of its source tree a distribution's code was run from."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    commit: str | None = None
    """Commit of the repository; None for an installed package, unless the installer noted it."""
    dirty: bool | None = None
    """Whether the distribution's files had uncommitted changes; None for an installed package."""
    unknown: str | None = None
    """Why neither is known although the code lies in a repository; None where they are."""


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
    gpu: str | None = None
    """Name and driver of the GPU that was used, torch's CUDA, and whether TF32 was on; None where
    none was."""
    commit: str | None
    """Commit of the source tree hyperbench was run from; None for an installed package."""
    dirty: bool | None
    """Whether hyperbench's files had uncommitted changes; None for an installed package."""
    sources: dict[str, Source] = Field(default_factory=dict)
    """Per distribution, hyperbench's and those of method and family; empty in older records."""

    @property
    def changed(self) -> tuple[str, ...]:
        """Distributions whose code had uncommitted changes."""
        return tuple(name for name, source in self._known_sources.items() if source.dirty)

    @property
    def unknown(self) -> dict[str, str]:
        """Distributions of which that is not known, and why."""
        found = self._known_sources.items()
        return {name: source.unknown for name, source in found if source.unknown is not None}

    @property
    def _known_sources(self) -> dict[str, Source]:
        return self.sources or {CORE: Source(commit=self.commit, dirty=self.dirty)}


def provenance(
    packages: Mapping[str, Path | None] | None = None, device: str = "cpu"
) -> Provenance:
    """Describe this process's surroundings.

    Args:
        packages: distributions of the method and the family that a result is of, and where their
            code lies.
        device: that the result was made on.
    """
    places = {CORE: Path(__file__).parent, **(packages or {})}
    sources = {name: _source(name, place) for name, place in sorted(places.items())}
    return Provenance(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(tuple(sorted(places))),
        machine=f"{platform.system()} {platform.machine()}, {_processor()}",
        kernels=_kernels(),
        num_cores=os.cpu_count() or 1,
        gpu=None if device == "cpu" else _gpu(),
        commit=sources[CORE].commit,
        dirty=sources[CORE].dirty,
        sources=sources,
    )


def torch_with_gpu() -> Any:
    """Torch, if it has been imported and finds a GPU; else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() else None


def _gpu() -> str | None:
    """Name and driver of torch's current GPU, and how torch computes on it."""
    torch = torch_with_gpu()
    if torch is None:
        return None
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)  # noqa: S603
        driver = f"driver {done.stdout.split()[0]}"
    except (OSError, subprocess.SubprocessError, IndexError):
        driver = "unknown driver"
    tf32 = "off" if torch.get_float32_matmul_precision() == "highest" else "on"
    name = torch.cuda.get_device_name()
    return f"{name}, {driver}, CUDA {torch.version.cuda}, TF32 {tf32}"


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
        needed = [requirement.name for requirement in requirements(found)]
        # One that was asked for need not say that it is built on hyperbench.
        if found.name in distributions or canonicalize_name(CORE) in map(canonicalize_name, needed):
            waiting += needed
    return dict(sorted(versions.items()))


def requirements(distribution: metadata.Distribution) -> Iterator[Requirement]:
    """What a distribution needs here, extras apart; a line that is none is passed over."""
    for line in distribution.requires or ():
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


@cache
def _source(distribution: str, place: Path | None) -> Source:
    """Ask git in which state the code of a distribution is."""
    if place is None or is_library(place):
        return Source(commit=_installed_commit(distribution))
    folder = place if place.is_dir() else place.parent
    if not any((parent / ".git").exists() for parent in (folder, *folder.resolve().parents)):
        return Source()

    def git(*arguments: str) -> str:
        # Whoever runs the code trusts the repository around it, whoever owns that.
        command = ["git", "-C", str(folder), "-c", "safe.directory=*", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
        return done.stdout.strip()

    try:
        # Data count as well: an expert's weights decide what it does.
        what = place.name if place.is_file() else "."
        status = git("status", "--porcelain", "--", what, ":(exclude,glob)**/__pycache__/**")
        return Source(commit=git("rev-parse", "HEAD"), dirty=bool(status))
    except FileNotFoundError:
        return Source(unknown="git is not installed")
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return Source(unknown=" ".join(said.split()))


def _installed_commit(distribution: str) -> str | None:
    """The commit that an installer noted when it took a package from a repository (PEP 610)."""
    try:
        said = json.loads(metadata.distribution(distribution).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    commit = said.get("vcs_info", {}).get("commit_id")
    return None if commit is None else str(commit)
