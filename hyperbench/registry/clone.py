"""The clone that hyperbench runs from, where there is one: packages that lie there, for errors.

A suite that is not installed may lie in the clone. Nothing of it is run to find out: its
``pyproject.toml`` and its entry point are read as text.
"""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from hyperbench.hookspecs import ENTRY_POINT_GROUP


@dataclass(frozen=True)
class ClonePackage:
    """A package of the clone, as its ``pyproject.toml`` describes it.

    Args:
        folder: where it lies, from the root of the clone; ``"."`` is hyperbench itself.
        distribution: what pip calls it.
        needs: distributions that it depends on.
        entry_points: modules in which it registers what it brings.
        extras: further dependencies that can be asked for, by name.
    """

    folder: str
    distribution: str
    needs: tuple[str, ...]
    entry_points: tuple[str, ...]
    extras: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        """Whether pip would find it, from wherever it was installed."""
        try:
            return bool(metadata.version(self.distribution))
        except metadata.PackageNotFoundError:
            return False


@dataclass(frozen=True)
class Clone:
    """A source tree of hyperbench, with packages beside it.

    Args:
        root: the folder that holds hyperbench's own ``pyproject.toml``.
    """

    root: Path

    @cached_property
    def packages(self) -> tuple[ClonePackage, ...]:
        """What can be installed from it; what cannot be read is left out."""
        found = []
        for pattern in ("pyproject.toml", "*/pyproject.toml", "plugins/*/pyproject.toml"):
            for path in sorted(self.root.glob(pattern)):
                # Half edited it must not hide the error that this is asked for.
                try:
                    project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
                    found.append(_package(path.parent.relative_to(self.root), project))
                except (OSError, ValueError, KeyError):
                    continue
        return tuple(found)

    def of_distribution(self, name: str) -> ClonePackage | None:
        """The package that pip calls so."""
        return next((found for found in self.packages if found.distribution == name), None)

    def of_import(self, name: str) -> ClonePackage | None:
        """The package that brings the module of that name."""
        parts = name.split(".")[0], "__init__.py"
        return next(
            (found for found in self.packages if self.root.joinpath(found.folder, *parts).exists()),
            None,
        )

    def of_suite(self, name: str) -> ClonePackage | None:
        """The package whose entry point names that suite."""
        for package in self.packages:
            for module in package.entry_points:
                path = self.root / package.folder / f"{module.replace('.', '/')}.py"
                try:
                    if name in _suites_named(path.read_text(encoding="utf-8")):
                        return package
                except (OSError, ValueError, SyntaxError):
                    continue
        return None

    def how_to_install(self, package: ClonePackage, extra: str = "") -> str:
        """In words that follow "It": where the package is, and a command for the clone's root.

        Packages of the clone that it needs and that are not installed are part of the command: pip
        would look for them on an index, where anybody may have taken their names.

        Args:
            package: which.
            extra: of it, that is asked for.
        """
        *needed, last = dict.fromkeys(found.folder for found in self._missing(package))
        last = f"'{last}[{extra}]'" if extra else last
        editable = " ".join(f"-e {folder}" for folder in (*needed, last))
        return f"is in {self.named}: pip install -c constraints.txt {editable}"

    @property
    def named(self) -> str:
        """What to call it, for somebody who is told to enter a command there."""
        return "this clone" if Path.cwd() == self.root else f"the clone {self.root}"

    def _missing(self, package: ClonePackage) -> list[ClonePackage]:
        """What to install for a package, the package last."""
        needed = [self.of_distribution(name) for name in package.needs]
        missing = [found for found in needed if found is not None and not found.is_installed]
        return [*(each for found in missing for each in self._missing(found)), package]


def source_tree() -> Clone | None:
    """The clone that this file lies in; None if hyperbench was installed as a copy."""
    clone = Clone(Path(__file__).resolve().parents[2])
    own = clone.of_distribution("hyperbench-rl")
    return clone if own is not None and own.folder == "." else None


def how_to_add(package: str, extra: str) -> str:
    """A sentence that says how to install a package which one of hyperbench's extras needs.

    Outside of a clone the package is named alone: hyperbench is on no index.
    """
    clone = source_tree()
    if clone is None:
        return f"Install it with: pip install {package}"
    return f"Install it, in {clone.named}, with: pip install -c constraints.txt -e '.[{extra}]'"


def where_it_is(
    package: str, distribution: str, version: str, clone: Clone | None, extra: str = ""
) -> str:
    """In words that follow "It": where a package that a plugin needs can be had.

    No name of an index is guessed at: anybody may have taken it.

    Args:
        package: what is missing, as it is imported.
        distribution: that needs it.
        version: of that.
        clone: where it may lie.
        extra: of the distribution that brings it, if there is one of that name.
    """
    if clone is not None and (found := clone.of_import(package)):
        return clone.how_to_install(found)
    found = clone.of_distribution(distribution) if clone is not None else None
    extra = extra if extra in (found.extras if found else _extras_of(distribution)) else ""
    needed = f"is a dependency of {distribution}{f'[{extra}]' if extra else ''} {version}"
    if clone is not None and found is not None:
        return f"{needed}, which {clone.how_to_install(found, extra)}"
    what = f"the extra {extra!r}" if extra else "its dependencies"
    return f"{needed}: install that again, from where it came, with {what}."


def _extras_of(distribution: str) -> list[str]:
    try:
        return metadata.metadata(distribution).get_all("Provides-Extra") or []
    except metadata.PackageNotFoundError:  # plugged in, and installed nowhere
        return []


def _package(folder: Path, project: dict[str, Any]) -> ClonePackage:
    points = project.get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    return ClonePackage(
        folder=folder.as_posix(),
        distribution=project["name"],
        needs=tuple(re.split(r"[^\w.-]", line)[0] for line in project.get("dependencies", ())),
        entry_points=tuple(target.partition(":")[0] for target in points.values()),
        extras=tuple(project.get("optional-dependencies", ())),
    )


def _suites_named(source: str) -> set[str]:
    """Strings in the hook that registers suites, and in the tables that it reads."""
    tree = ast.parse(source)
    tables = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict | ast.List | ast.Tuple)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    hooks = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "hyperbench_suites"
    ]
    names = {node.id for hook in hooks for node in ast.walk(hook) if isinstance(node, ast.Name)}
    read = [*hooks, *(table for name, table in tables.items() if name in names)]
    nodes = (node for part in read for node in ast.walk(part) if isinstance(node, ast.Constant))
    return {node.value for node in nodes if isinstance(node.value, str)}
