"""The code behind a plugin's entry: where it lies, and a hash that tells whether it has changed."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from hyperbench.seeding import content_hash

_LIBRARIES = {"site-packages", "dist-packages"}
_OWN = "hyperbench"


class Fingerprints(BaseModel):
    """Hashes of the code that made a result."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    method: str | None = None
    """None of a control arm, of code that is in no file, and in older records."""
    family: str | None = None
    """None likewise."""

    def differing(self, other: Fingerprints) -> tuple[str, ...]:
        """Name those whose code is known to differ: ``"method"``, ``"family"``, both or neither."""
        return tuple(
            name
            for name, one in self
            if one is not None and getattr(other, name) not in (None, one)
        )


@cache
def fingerprint(target: str, distribution: str) -> str | None:
    """Hash the code of a class, or of a function that makes one, and what it is built on.

    That is the syntax tree of its module and of each module of its own distribution that these
    import, at whatever depth and wherever in the file. Comments, layout and docstrings do not
    count, nor does the version of Python. Other distributions are told apart by their versions;
    what is imported by a computed name is not seen. Nothing is imported for it.

    Args:
        target: ``"module:Class"``, as a plugin's entry names it.
        distribution: that the plugin comes from.

    Returns:
        16 hex digits; None if the code is in no file, but was typed, and of hyperbench's own.
    """
    name = target.partition(":")[0]
    place = package_path(target)
    if place is None or name.partition(".")[0] == _OWN:
        return None
    if place.is_file():  # a script or a plugged-in file, which go by other names while they run
        name = place.stem
    tree = _Tree.around(place, name, distribution)
    found: dict[str, str] = {}
    waiting = list(_with_packages(name))
    while waiting:
        name = waiting.pop()
        path = tree.file(name)
        if name in found or path is None:
            continue
        try:
            parsed = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError):  # being edited
            found[name] = "unreadable"
            continue
        found[name] = _spelled(parsed)
        waiting += _imports(parsed, name, path.stem == "__init__")
    return content_hash(found) if found else None


def package_path(target: str) -> Path | None:
    """Where the package, or the single file, of ``"module:Class"`` lies; it is not imported.

    None where nobody can know.
    """
    top = target.partition(":")[0].partition(".")[0]
    if top == "__main__":
        script = getattr(sys.modules[top], "__file__", None)
        return None if script is None else Path(script).resolve()
    try:
        spec = util.find_spec(top)
    except (ImportError, ValueError):  # a module that was made by hand has no spec
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin).resolve() if spec.has_location and spec.origin else None


@dataclass(frozen=True)
class _Tree:
    """The source files of one distribution.

    Args:
        root: folder from which its modules are imported.
        tops: names at the top level that belong to it; None if all there do.
    """

    root: Path
    tops: frozenset[str] | None

    @classmethod
    def around(cls, place: Path, name: str, distribution: str) -> _Tree:
        """The tree in which a module's package, or its file, is the first."""
        root = place.parent
        if not is_library(place):
            return cls(root, None)
        try:
            files = metadata.files(distribution) or []
        except metadata.PackageNotFoundError:
            files = []
        tops = {path.parts[0].removesuffix(".py") for path in files}
        return cls(root, frozenset({name.partition(".")[0], *tops}))

    def file(self, name: str) -> Path | None:
        """A module's file; None if it is not of this tree, or no Python."""
        top = name.partition(".")[0]
        # A plugin may lie beside hyperbench itself.
        if top == _OWN or (self.tops is not None and top not in self.tops):
            return None
        place = self.root.joinpath(*name.split("."))
        candidates = (place / "__init__.py", place.with_name(f"{place.name}.py"))
        return next((path for path in candidates if path.is_file()), None)


def _imports(tree: ast.Module, name: str, is_package: bool) -> Iterator[str]:
    """Every module that a file may import, and their packages, which Python runs first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            around = name.split(".")[: len(name.split(".")) - node.level + is_package]
            base = ".".join([*(around if node.level else []), *filter(None, [node.module])])
            modules = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for module in modules:
            yield from _with_packages(module)


def _with_packages(module: str) -> Iterator[str]:
    """A module's name and those of the packages it lies in."""
    parts = module.split(".")
    return (".".join(parts[:depth]) for depth in range(1, len(parts) + 1))


def is_library(place: Path) -> bool:
    """Whether a package or file lies where packages are installed, be it in a repository."""
    return not _LIBRARIES.isdisjoint(place.parts)


def _spelled(node: object) -> str:
    """Spell out a syntax tree, alike under every version of Python, without docstrings.

    ``ast.dump`` names fields that older versions do not have.
    """
    if isinstance(node, ast.AST):
        fields = (
            f"{name}={_spelled(value)}"
            for name, value in ast.iter_fields(node)
            if value is not None and value != [] and name not in ("kind", "type_comment")
        )
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(_spelled(item) for item in node if not _is_docstring(item))}]"
    return ascii(node)


def _is_docstring(node: object) -> bool:
    """Whether it is a string that stands for itself, of a module, class, function or attribute."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def is_importable(package: str) -> bool:
    """Whether a package is there to be imported."""
    try:
        return util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False
