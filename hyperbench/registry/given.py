"""What is handed over in Python: classes, functions and objects, of whatever module they are."""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from hyperbench.errors import HyperbenchError, one_line
from hyperbench.hookspecs import (
    FamilyEntry,
    MethodEntry,
    PolicyKindEntry,
    first_line,
    registered_in,
)
from hyperbench.registry.code import fingerprint, is_library, package_path
from hyperbench.registry.plugins import Given, PluginFile, PluginSource
from hyperbench.registry.typed import code_of

_held: tuple[Given, ...] = ()


def given_objects() -> tuple[Given, ...]:
    """What was handed over in Python, in this process, and is known now."""
    return _held


def hold(given: Sequence[Given]) -> None:
    """Know what is handed over, in place of what was before; see ``registry.use_plugins``."""
    global _held
    _held = tuple(given)


def source_of(given: Given) -> PluginSource:
    """What is handed over, as a plugin of its own."""
    version = "" if given.file is None else given.file.version
    name = given.entry.target.rpartition(":")[2]
    return PluginSource(name, given.owner, version, lambda: None, given.file, given=given)


def given_method(made: Any) -> Given:
    """A method's class, or the function that is one, decorated or not.

    Undecorated it is called after its class: ``NearestTask`` is ``nearest-task``.

    Raises:
        HyperbenchError: it is neither.
    """
    from hyperbench.generator import PolicyGenerator
    from hyperbench.registry.functions import method_of

    if not isinstance(made, type) and callable(made):
        made = method_of(made)
    if not (isinstance(made, type) and issubclass(made, PolicyGenerator)):
        raise HyperbenchError(
            f"{made!r} is no method. Give a name, a class of PolicyGenerator, an instance of one, "
            "or a function (demonstrations, seed) -> (specs -> policies)."
        )
    entries = [entry for entry in registered_in(made) if isinstance(entry, MethodEntry)]
    entry = MethodEntry(_kebab(made.__name__), _target(made), first_line(made))
    return _given(entries[0] if entries else entry, made)


def given_family(made: Any) -> list[Given]:
    """A family, its class, or what makes it; decorated several times a class is several.

    Raises:
        HyperbenchError: it is none of them.
    """
    from hyperbench.family import TaskFamily

    if isinstance(made, TaskFamily):
        info = made.info
        return [_given(FamilyEntry(info.id, _target(type(made)), info.summary), _Itself(made))]
    entries = [entry for entry in registered_in(made) if isinstance(entry, FamilyEntry)]
    if entries:
        return [_given(entry, made) for entry in entries]
    if not (isinstance(made, type) and issubclass(made, TaskFamily)):
        raise HyperbenchError(
            f"{made!r} is no family. Give the name of a suite or a family, a TaskFamily, its "
            "class, or a function below @hb.register_family."
        )
    info = made.info if hasattr(made, "info") else made().info
    return [_given(FamilyEntry(info.id, _target(made), info.summary), made)]


def given_kinds(made: Any) -> list[Given]:
    """The kinds of policies that are decorated, or imported, beside what is handed over."""
    beside = vars(sys.modules.get(made.__module__, object))
    found = {
        entry.kind: _given(entry, kind)
        for kind in list(beside.values())
        if isinstance(kind, type)
        for entry in registered_in(kind)
        if isinstance(entry, PolicyKindEntry)
    }
    return list(found.values())


class _Itself:
    """Makes a family that is there already.

    Args:
        family: that was handed over.
    """

    def __init__(self, family: Any) -> None:
        self.family = family

    def __call__(self) -> Any:
        return self.family


def _given(entry: Any, made: Any) -> Given:
    import cloudpickle

    what = made.family if isinstance(made, _Itself) else made
    # Of an object it matters where it was made, which only its parts know: it has no text.
    module = "" if isinstance(made, _Itself) else what.__module__
    is_named = _is_importable(what)
    place = package_path(f"{module}:") if module else None
    place = None if place is None or is_library(place) else place
    owner = place.name if place is not None else module or type(what).__module__
    code = fingerprint(entry.target, owner) if is_named else None
    given = Given(
        entry,
        made,
        owner,
        code or sha256(code_of(_parts(what)).encode()).hexdigest()[:16],
        _file(what, place),
        place,
    )
    try:
        return replace(given, packed=cloudpickle.dumps(made))
    except Exception as error:  # whatever a stranger's object raises when it is copied
        return replace(given, why_not=one_line(error))


def _parts(made: Any) -> Any:
    """What of something decides what it does; tasks and info are known, and set by the registry."""
    if hasattr(made, "__qualname__"):
        return made
    return type(made), {n: v for n, v in vars(made).items() if n not in ("info", "tasks")}


def _is_importable(made: Any) -> bool:
    """Whether another process finds it by its name."""
    if getattr(made, "__module__", "__main__") == "__main__" or not hasattr(made, "__qualname__"):
        return False
    return getattr(sys.modules.get(made.__module__), made.__qualname__, None) is made


def _file(made: Any, place: Path | None) -> PluginFile | None:
    """The script or module of something, or else the lines that made it, as of a notebook."""
    with suppress(Exception):  # it is typed, or the file is gone
        if place is not None and place.is_file():
            return PluginFile.read(place)
        if made.__module__ == "__main__":
            text = textwrap.dedent(inspect.getsource(made))
            digest = sha256(text.encode()).hexdigest()
            return PluginFile(name=made.__name__, sha256=digest, text=text)
    return None


def _target(made: Any) -> str:
    return f"{made.__module__}:{made.__qualname__}"


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", "-", name).lower()
