"""A check-up of the machine: what a run needs, whether it is there, and what to do if not.

What may break a process, such as drivers, is tried in one of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from packaging.requirements import Requirement

from hyperbench.disk import check_writable
from hyperbench.errors import HyperbenchError
from hyperbench.measuring.locks import has_locks
from hyperbench.provenance import CORE, requirements
from hyperbench.registry import Registry
from hyperbench.registry.clone import source_tree
from hyperbench.threads import num_cores

_ROOM = 2e9
"""Bytes: less of memory or of disk is worth a word."""
_SECONDS = 120
"""How long anything that is tried may take."""
_NUM_NAMED = 5
_MEMORY_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_GPU = """
import torch
print(torch.__version__, torch.cuda.get_device_name() if torch.cuda.is_available() else "")
"""
_DRAW = """
import sys
from hyperbench.registry import installed
family = installed().make_family(sys.argv[1])
environment = family.make(family.tasks[0], render_mode="rgb_array")
environment.reset(seed=0)
print("x".join(map(str, environment.render().shape[:2])))
"""


class Finding(NamedTuple):
    """What one check found."""

    name: str
    state: Literal["ok", "note", "fail"]
    """A note is no obstacle, but worth knowing."""
    said: str
    advice: str = ""
    """What to do; nothing where all is well."""


def check_up(registry: Registry, output_dir: Path, data_dir: Path) -> Iterator[Finding]:
    """Check this machine, one thing after the other.

    Args:
        registry: what is installed.
        output_dir: where runs would go.
        data_dir: where demonstrations would go.
    """
    yield _python()
    yield from _packages(registry)
    yield from _plugins(registry)
    yield _torch()
    yield _drawing(registry)
    yield _threads()
    yield _memory()
    yield _place("runs", output_dir, "--output-dir")
    yield _place("demonstrations", data_dir, "--data-dir")
    yield _self_test(registry)


def _python() -> Finding:
    wanted = metadata.metadata(CORE)["Requires-Python"] or ""
    version = ".".join(map(str, sys.version_info[:3]))
    if Requirement(f"python{wanted}").specifier.contains(version):
        return Finding("Python", "ok", version)
    return Finding("Python", "fail", version, f"Install hyperbench under Python {wanted}.")


def _packages(registry: Registry) -> Iterator[Finding]:
    """Whether what is installed is what the distributions ask for, and what boards were made of."""
    owners = [CORE, *dict.fromkeys(plugin.distribution for plugin in registry.plugins)]
    wrong = [line for owner in owners for line in _unmet(owner)]
    if wrong:
        yield Finding("packages", "fail", "; ".join(wrong), "Install what is named with pip.")
    clone = source_tree()
    if clone is None:
        yield Finding("packages", "ok", "as their distributions ask for")
        return
    pinned = {}
    for line in (clone.root / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, equals, version = line.partition("==")
        if equals:
            pinned[name.strip()] = version.strip()
    found = {name: _version(name) for name in pinned}
    other = [
        f"{name} {found[name]}, not {pinned[name]}"
        for name in pinned
        if _differs(found[name], pinned[name])
    ]
    if not other:
        yield Finding("packages", "ok", "as in constraints.txt")
        return
    more = f" and {len(other) - _NUM_NAMED} more" if len(other) > _NUM_NAMED else ""
    yield Finding(
        "packages",
        "note",
        f"other versions than boards were made with: {'; '.join(other[:_NUM_NAMED])}{more}",
        f"For the same numbers: pip install -c {clone.root / 'constraints.txt'} -e {clone.root}",
    )


def _differs(found: str | None, pinned: str) -> bool:
    """Whether a package is there in another version; a local label such as ``+cpu`` is none."""
    return found is not None and found.partition("+")[0] != pinned.partition("+")[0]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _unmet(distribution: str) -> Iterator[str]:
    """What a distribution asks for and does not find."""
    try:
        found_there = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:  # a plugin that is a bare folder
        return
    for wanted in requirements(found_there):
        found = _version(wanted.name)
        if found is None or not wanted.specifier.contains(found, prereleases=True):
            yield f"{distribution} needs {wanted.name}{wanted.specifier}, found {found or 'none'}"


def _plugins(registry: Registry) -> Iterator[Finding]:
    for plugin in registry.plugins:
        if plugin.failure:
            advice = f"Mend or uninstall {plugin.distribution}; hyperbench does without it."
            yield Finding(f"plugin {plugin.name}", "fail", plugin.failure, advice)
    loaded = [plugin.name for plugin in registry.plugins if not plugin.failure]
    if loaded:
        yield Finding("plugins", "ok", ", ".join(loaded))
    else:
        advice = "Install a suite and methods: README.md says how."
        yield Finding("plugins", "note", "none, so there is nothing to measure", advice)


def _torch() -> Finding:
    if _version("torch") is None:
        advice = "Install it if a method of yours needs it."
        return Finding("torch", "note", "not installed: the shipped methods cannot run", advice)
    tried = _try("-c", _GPU)
    if tried.error:
        return Finding("torch", "fail", tried.error, "Install torch again, for this machine.")
    version, _, gpu = tried.printed.partition(" ")
    return Finding("torch", "ok", f"{version}, {gpu or 'no GPU: fits run on the CPU'}")


def _drawing(registry: Registry) -> Finding:
    simulated = [entry.id for entry in registry.families.values() if "mujoco" in entry.requires]
    if not simulated:
        return Finding("drawing", "ok", "no suite needs OpenGL")
    tried = _try("-c", _DRAW, simulated[0])
    backend = os.environ.get("MUJOCO_GL") or "chosen by itself"
    if not tried.error:
        return Finding("drawing", "ok", f"{simulated[0]} in {tried.printed} points ({backend})")
    return Finding(
        "drawing",
        "note",
        f"`render` cannot draw (MUJOCO_GL: {backend}): {tried.error}",
        "Boards need none. Install libegl1 or libosmesa6, and set MUJOCO_GL to egl or osmesa.",
    )


def _threads() -> Finding:
    return Finding("cores", "ok", f"{num_cores()}, and so many runs at a time")


def _memory() -> Finding:
    found = [int(text) for path in _MEMORY_LIMITS if (text := _read(path).strip()).isdecimal()]
    try:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):
        return Finding("memory", "note", "the system does not say how much there is")
    room = min(found)
    said = f"{room / 1e9:.1f} GB for all runs together"
    if room / num_cores() < _ROOM:
        return Finding("memory", "note", said, f"Use --jobs {max(1, int(room / _ROOM))}.")
    return Finding("memory", "ok", said)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


def _place(what: str, folder: Path, option: str) -> Finding:
    """Whether a folder can be written, without leaving one where there was none."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        check_writable(there, f"Choose another place with {option}.")
    except HyperbenchError as error:
        return Finding(what, "fail", str(error), f"Choose another place with {option}.")
    free = shutil.disk_usage(there).free
    said = f"{folder}, {free / 1e9:.1f} GB free"
    with tempfile.TemporaryDirectory(prefix="hyperbench-doctor-", dir=there) as probe:
        is_locked = has_locks(Path(probe))
    if not is_locked:
        said += ", no file locks"
        advice = "Several commands may still share it; see docs/reliability.md for what differs."
        return Finding(what, "note", said, advice)
    if free < _ROOM:
        return Finding(what, "note", said, f"Make room, or choose another place with {option}.")
    return Finding(what, "ok", said)


def _self_test(registry: Registry) -> Finding:
    """A short board of the tutorial family, measured and verified in a folder of its own."""
    if "pointmass" not in registry.suites:
        return Finding("self-test", "note", "left out: the suite pointmass is not installed")
    learned = (
        ["spec-blind", "--set", "num_steps=5"] if "spec-blind" in registry.methods else ["expert"]
    )
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hyperbench-doctor-") as folder:
        runs, data = f"{folder}/runs", f"{folder}/data"
        places = ("-o", runs, "--data-dir", data, "-j", str(num_cores()))
        board = ("run", "-s", "pointmass", "--no-baselines", *places, "-m", *learned)
        for command in (board, ("verify", runs, "--json")):
            tried = _try("-m", "hyperbench", *command)
            if tried.error:
                advice = f"Try it by hand: hyperbench {' '.join(command)}"
                return Finding("self-test", "fail", tried.error, advice)
        verdicts = json.loads(tried.printed)["runs"]
    seconds = time.monotonic() - started
    return Finding(
        "self-test", "ok", f"{len(verdicts)} runs measured and verified, {seconds:.0f} s"
    )


class _Tried(NamedTuple):
    printed: str
    error: str


def _try(*arguments: str) -> _Tried:
    """Run Python with these arguments; what it printed, or the last line of what went wrong."""
    try:
        done = subprocess.run(  # noqa: S603 (ourselves)
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Tried("", f"nothing within {_SECONDS} seconds")
    if done.returncode == 0:
        return _Tried(done.stdout.strip(), "")
    lines = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
    return _Tried("", lines[-1])
