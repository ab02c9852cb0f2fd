"""Lay wheels beside the checkout, for a machine with a GPU and no network.

    python tests/gpu/wheels.py --python 3.12 --without "numpy scipy pandas pyarrow"

builds the wheels of hyperbench, ``pointmass`` and the baselines, and downloads those of all that
they need, as far as that machine does not have it: its torch, with what only torch needs, is its
own. What ours need stands in their ``pyproject.toml``, what that needs in this environment, and
versions in ``constraints.txt``. ``make gpu`` installs what lies in ``wheels/``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OURS = {
    "hyperbench-rl": ROOT,
    "hyperbench-pointmass": ROOT / "plugins" / "pointmass",
    "hyperbench-baselines": ROOT / "baselines",
}
THEIRS = ("torch",)
"""What a machine with a GPU has of its own, in the version for its card."""
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NEWEST_MANYLINUX = 28
"""Minor version of the glibc that wheels may ask for."""


def closure(roots: Collection[str], without: Collection[str], python: str) -> set[str]:
    """Names of what some distributions need, themselves included.

    Args:
        roots: installed here.
        without: left out, with whatever is needed through them alone.
        python: version of the one that will import them, such as ``3.12``.
    """
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "platform_machine": "x86_64",
        "platform_system": "Linux",
        "sys_platform": "linux",
        "os_name": "posix",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    left_out = {canonicalize_name(name) for name in without}
    waiting = [Requirement(name) for name in roots]
    found: set[tuple[str, str]] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        # Each extra asks for something of its own; "" is what is needed without any.
        for extra in {"", *requirement.extras}:
            if name not in left_out and (name, extra) not in found:
                found.add((name, extra))
                waiting += _needs(name, {**environment, "extra": extra})
    return {name for name, _ in found}


def _needs(name: str, environment: Mapping[str, str]) -> Iterator[Requirement]:
    if name in OURS:  # what is installed here may have been declared long ago
        declared = tomllib.loads((OURS[name] / "pyproject.toml").read_text(encoding="utf-8"))
        lines = declared["project"]["dependencies"]
    else:
        lines = metadata.requires(name) or ()
    for line in lines:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(dict(environment)):
            yield requirement


def pinned(names: Collection[str]) -> list[str]:
    """Name each with its version in ``constraints.txt``.

    Raises:
        SystemExit: one has none.
    """
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    lines = re.findall(r"^([\w.-]+)(==\S+)$", text, flags=re.MULTILINE)
    versions = {canonicalize_name(name): name + version for name, version in lines}
    missing = sorted(set(names) - set(versions))
    if missing:
        sys.exit(f"No version in constraints.txt: {', '.join(missing)}. Pin or leave out.")
    return sorted(versions[name] for name in names)


def main() -> None:
    """Fill the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=THIS_PYTHON, help="of that machine")
    parser.add_argument("--without", default="", help="what that machine has, beside torch")
    parser.add_argument("--output", type=Path, default=ROOT / "wheels")
    said = parser.parse_args()

    def pip(*arguments: str | Path) -> None:
        subprocess.run([sys.executable, "-m", "pip", "-q", *map(str, arguments)], check=True)

    needed = closure(OURS, [*THEIRS, *said.without.split()], said.python) - set(OURS)
    others = pinned(needed)
    said.output.mkdir(parents=True, exist_ok=True)
    for old in said.output.glob("*.whl"):  # of another version or for another Python
        old.unlink()
    pip("wheel", "--no-deps", "--wheel-dir", said.output, *OURS.values())
    old_names = ("manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64")
    new_names = [f"manylinux_2_{minor}_x86_64" for minor in range(NEWEST_MANYLINUX, 4, -1)]
    platforms = [part for name in (*new_names, *old_names) for part in ("--platform", name)]
    target = ["--only-binary=:all:", "--python-version", said.python, *platforms]
    pip("download", "--no-deps", "--dest", said.output, *target, *others)
    print(
        f"{len(list(said.output.glob('*.whl')))} wheels for Python {said.python} in {said.output}"
    )


if __name__ == "__main__":
    main()
