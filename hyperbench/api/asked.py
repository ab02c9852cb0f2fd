"""What is asked for in Python: names, classes or objects, as names that a plan understands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from hyperbench.errors import HyperbenchError
from hyperbench.family import TaskFamily
from hyperbench.generator import PolicyGenerator
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry, installed, plugged_in
from hyperbench.registry.files import given_plugins
from hyperbench.registry.given import given_family, given_kinds, given_method
from hyperbench.registry.names import Names
from hyperbench.registry.plugins import Given
from hyperbench.run import spelled

Settings = Mapping[str, Any] | Sequence[str]


class Asked:
    """Methods and families that are asked for, and what of them is not installed.

    Args:
        methods: names, classes, functions or objects.
        families: names of suites or families, classes or objects.
        beside: policies whose kind may be decorated beside their class.

    Raises:
        HyperbenchError: something is neither a method nor a family.
    """

    def __init__(self, methods: Sequence[Any], families: Sequence[Any], beside: Any = None) -> None:
        self._given: dict[tuple[str, str], Given] = {}
        registry = installed()
        self._take_kinds(type(beside), registry)
        self._methods = [self._method(made, registry) for made in methods]
        self._families = [name for made in families for name in self._family(made, registry)]

    @property
    def given(self) -> tuple[Given, ...]:
        """What is not installed."""
        return tuple(self._given.values())

    def known(self) -> AbstractContextManager[None]:
        """A context in which all of it has a name."""
        return plugged_in(given_plugins(), self.given)

    def methods(self) -> list[tuple[str, list[str]]]:
        """Names of methods, and what an object's own config says, once they are known."""
        names = installed().methods
        return [(_name(names, name), settings) for name, settings in self._methods]

    def families(self) -> list[str]:
        """Names of suites and families, once they are known."""
        return [_name(installed().families, name) for name in self._families]

    def stays(self, name: str) -> str:
        """Why a method or family cannot travel to other processes; empty if it can."""
        bare = name.rpartition(":")[2]
        reasons = [g.why_not for g in self.given if g.packed is None and _key(g)[1] == bare]
        return reasons[0] if reasons else ""

    def _method(self, made: Any, registry: Registry) -> tuple[str, list[str]]:
        if isinstance(made, str):
            return made, []
        settings: list[str] = []
        if isinstance(made, PolicyGenerator):
            said = made.config.model_dump(mode="json")
            settings = [f"{n}={spelled(said[n])}" for n in sorted(made.config.model_fields_set)]
            made = type(made)
        for name, entry in registry.methods.items():
            if isinstance(made, type) and entry.target == f"{made.__module__}:{made.__qualname__}":
                return name, settings
        return self._take(given_method(made), made, registry), settings

    def _family(self, made: Any, registry: Registry) -> list[str]:
        if isinstance(made, str):
            return [made]
        kind = type(made) if isinstance(made, TaskFamily) else made
        target = f"{kind.__module__}:{getattr(kind, '__qualname__', '')}"
        found = [id_ for id_, entry in registry.families.items() if entry.target == target]
        if isinstance(made, TaskFamily):
            found = [id_ for id_ in found if id_ == made.info.id]
        return found or [self._take(each, made, registry) for each in given_family(made)]

    def _take(self, given: Given, made: Any, registry: Registry) -> str:
        self._given["", _key(given)[1]] = given
        self._take_kinds(made if hasattr(made, "__qualname__") else type(made), registry)
        return f"{given.owner}:{_key(given)[1]}"

    def _take_kinds(self, beside: Any, registry: Registry) -> None:
        known = {entry.target for entry in registry.policy_kinds.values()}
        for kind in given_kinds(beside):
            if kind.entry.target not in known:
                self._given["kind", _key(kind)[1]] = kind


def _key(given: Given) -> tuple[str, str]:
    entry: Any = given.entry
    return given.owner, getattr(entry, "name", None) or getattr(entry, "id", "") or entry.kind


def _name(names: Names[Any], asked: str) -> str:
    """The bare name, where nobody else has it: it is what boards say."""
    bare = asked.rpartition(":")[2]
    return bare if bare in names else asked


def settings_said(settings: Settings) -> list[str]:
    """Settings as ``--set`` takes them."""
    if isinstance(settings, Mapping):
        return [f"{name}={spelled(value)}" for name, value in settings.items()]
    return list(settings)


def protocol_of(asked: str | EvalProtocol, seeds: int | str | Sequence[int] | None) -> EvalProtocol:
    """A protocol, with other seeds where some are asked for.

    Args:
        asked: its id, or itself.
        seeds: how many pairs, or the seeds themselves, each for split and fit.

    Raises:
        HyperbenchError: there is none of that id, or these are no seeds.
    """
    protocol = asked if isinstance(asked, EvalProtocol) else installed().protocol(asked)
    if seeds is None:
        return protocol
    if isinstance(seeds, int | str):
        return protocol.with_seeds(str(seeds))
    if not seeds:
        raise HyperbenchError("seeds=[] asks for no run. Give a number of pairs, or the seeds.")
    if len(seeds) == 1:
        return protocol.with_crossed_seeds(str(seeds[0]), str(seeds[0]))
    return protocol.with_seeds(",".join(map(str, seeds)))
