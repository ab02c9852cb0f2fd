"""The code of what was typed: classes, functions and objects that no file can be asked for."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from types import CodeType, FunctionType, ModuleType
from typing import Any

from hyperbench.registry.code import is_library, package_path

_OWN = "hyperbench"
_SILENT = ("__doc__", "__dict__", "__weakref__", "__module__", "__annotations__", "hyperbench_")
"""What the beginnings of a class's attributes are that decide nothing."""
_MADE_FOR_IT = ("__pydantic", "__abstract", "_abc_", "model_", "__dataclass", "__match_args__")
_NAMING = ("__firstlineno__", "__static_attributes__", "__signature__", "__parameters__")


def code_of(made: Any) -> str:
    """Spell out what a class, function or object does, as Python has compiled it.

    With whatever of a user's own it uses: other functions, classes, numbers and arrays of its
    module. Comments, layout and where it stands do not count. What is installed is told by its
    name; another version of Python compiles otherwise, and spells otherwise.
    """
    return repr(_Speller().spell(made))


class _Speller:
    """Spells each thing once: what leads back to itself is named by its turn."""

    def __init__(self) -> None:
        self._turns: dict[int, int] = {}
        self._alive: list[Any] = []  # so that no other thing takes its place in memory

    def spell(self, made: Any) -> Any:
        if made is None or isinstance(made, bool | int | float | complex | str | bytes):
            return made
        if id(made) in self._turns:
            return f"again {self._turns[id(made)]}"
        self._turns[id(made)] = len(self._turns)
        self._alive.append(made)
        if isinstance(made, list | tuple):
            return [self.spell(each) for each in made]
        if isinstance(made, set | frozenset):
            return sorted(repr(self.spell(each)) for each in made)
        if isinstance(made, Mapping):
            return [(repr(key), self.spell(value)) for key, value in made.items()]
        if hasattr(made, "dtype") and hasattr(made, "tobytes"):
            return [str(made.dtype), made.shape, sha256(made.tobytes()).hexdigest()]
        if isinstance(made, CodeType):
            consts = [self.spell(const) for const in made.co_consts]
            return [made.co_code, made.co_names, made.co_varnames, made.co_freevars, consts]
        if isinstance(made, FunctionType):
            return self._function(made) if _is_own(made.__module__) else _name(made)
        if isinstance(made, staticmethod | classmethod):
            return [type(made).__name__, self.spell(made.__func__)]
        if isinstance(made, property):
            return [self.spell(part) for part in (made.fget, made.fset)]
        if isinstance(made, functools.partial):
            return [self.spell(part) for part in (made.func, made.args, made.keywords)]
        if isinstance(made, ModuleType):
            return made.__name__
        if isinstance(made, type):
            return self._class(made) if _is_own(made.__module__) else _name(made)
        kind = type(made)
        if is_dataclass(made):
            return [self.spell(kind), [self.spell(getattr(made, f.name)) for f in fields(made)]]
        if _is_own(kind.__module__):
            return [self.spell(kind), self.spell(getattr(made, "__dict__", {}))]
        return _name(kind)

    def _function(self, made: FunctionType) -> Any:
        used = sorted({name for name in _names(made.__code__) if name in made.__globals__})
        return [
            self.spell(_without_docstring(made)),
            self.spell(made.__defaults__),
            self.spell(made.__kwdefaults__),
            [self.spell(cell.cell_contents) for cell in made.__closure__ or () if _is_full(cell)],
            [(name, self.spell(made.__globals__[name])) for name in used],
        ]

    def _class(self, made: type) -> Any:
        own = [
            (name, self.spell(value))
            for name, value in sorted(vars(made).items())
            if not name.startswith((*_SILENT, *_MADE_FOR_IT, *_NAMING))
        ]
        return [made.__qualname__, [self.spell(base) for base in made.__bases__], own]


def _is_own(module: str | None) -> bool:
    """Whether a module is the user's: typed, a script, or a file beside it."""
    top = (module or "").partition(".")[0]
    if top in ("", _OWN) or top in sys.stdlib_module_names:
        return top == "__main__"
    place = package_path(f"{top}:")
    return top == "__main__" or (place is not None and not is_library(place))


def _names(code: CodeType) -> Iterator[str]:
    """Names that a function and what is defined in it look up."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _names(const)


def _without_docstring(made: FunctionType) -> CodeType:
    consts = made.__code__.co_consts
    if made.__doc__ is not None and consts[:1] == (made.__doc__,):
        return made.__code__.replace(co_consts=(None, *consts[1:]))
    return made.__code__


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:  # of a name that is bound later
        return False


def _name(made: Any) -> str:
    return f"{made.__module__}.{made.__qualname__}"
