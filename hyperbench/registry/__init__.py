"""What is installed: suites, families, methods, protocols by name, found through entry points."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable
from functools import cache
from importlib import util
from typing import TYPE_CHECKING, Any

from hyperbench import __version__
from hyperbench.errors import PluginError, UnknownNameError
from hyperbench.hookspecs import FamilyEntry, MethodEntry, PolicyKindEntry
from hyperbench.protocol import PROTOCOLS, EvalProtocol
from hyperbench.registry.clone import Clone, source_tree
from hyperbench.registry.code import Fingerprints, fingerprint, package_path
from hyperbench.registry.plugins import (
    LOAD_PLUGINS,
    Entry,
    Plugin,
    PluginSource,
    chosen_plugins,
    installed_plugins,
    load_plugin,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hyperbench.family import TaskFamily
    from hyperbench.generator import PolicyGenerator
    from hyperbench.policy import StorablePolicies

__all__ = ["PluginSource", "Registry", "chosen_plugins", "installed", "installed_plugins"]

_OWN = Plugin(
    "hyperbench",
    "hyperbench-rl",
    __version__,
    policy_kinds=(
        PolicyKindEntry("mlp", "hyperbench.policy:MLPPolicies"),
        PolicyKindEntry("mixture", "hyperbench.mixture:MixturePolicies"),
    ),
    protocols=tuple(PROTOCOLS.values()),
)
"""What hyperbench itself registers."""


class Registry:
    """Everything the given plugins register.

    Args:
        sources: the plugins; ``installed_plugins()`` for those of this environment.
        clone: where what is not installed may lie, for errors that say how to install it.

    Raises:
        PluginError: two plugins, or two entries, have the same name.
    """

    def __init__(self, sources: Iterable[PluginSource], clone: Clone | None = None) -> None:
        sources = sorted(sources, key=lambda source: (source.name, source.distribution))
        _refuse_duplicates(
            "Entry point",
            [(source.name, source.distribution, source.version) for source in sources],
        )
        self._clone = clone
        self.plugins = tuple(load_plugin(source) for source in sources)
        self.families = self._by_name("Family", lambda p: [(e.id, e) for e in p.families])
        self.suites = self._by_name("Suite", lambda p: [(e.name, e) for e in p.suites])
        self.methods = self._by_name("Method", lambda p: [(e.name, e) for e in p.methods])
        self.protocols = self._by_name("Protocol", lambda p: [(e.id, e) for e in p.protocols], _OWN)
        self.policy_kinds = self._by_name(
            "Policy kind", lambda p: [(e.kind, e) for e in p.policy_kinds], _OWN
        )

    def _by_name(
        self, kind: str, entries: Callable[[Plugin], list[tuple[str, Entry]]], *own: Plugin
    ) -> dict[str, Entry]:
        plugins = (*own, *self.plugins)
        found = [(name, p, entry) for p in plugins for name, entry in entries(p)]
        _refuse_duplicates(kind, [(name, p.distribution, p.version) for name, p, _ in found])
        return {name: entry for name, _, entry in found}

    def select_families(self, asked: str) -> tuple[FamilyEntry, ...]:
        """The families of a suite, or the one family asked for, with or without its version.

        Raises:
            UnknownNameError: neither a suite nor a family is called so.
            PluginError: the suite lies in the clone and is not installed, or a suite lists a family
                that nobody registers.
        """
        if asked in self.suites:
            return tuple(self._family_of(asked, id_) for id_ in self.suites[asked].families)
        if asked in self.families:
            return (self.families[asked],)
        versions = [id_ for id_ in self.families if id_.rpartition("-v")[0] == asked]
        if versions:
            newest = max(versions, key=lambda id_: int(id_.rpartition("-v")[2]))
            return (self.families[newest],)
        self._refuse_absent_suite(asked.partition("/")[0])
        if "/" in asked:
            raise UnknownNameError("family", asked, self.families)
        raise UnknownNameError("suite", asked, self.suites, self._failure_hint())

    def method_entry(self, name: str) -> MethodEntry:
        """The method of that name.

        Raises:
            UnknownNameError: nobody registers it.
        """
        if name not in self.methods:
            raise UnknownNameError("method", name, self.methods, self._failure_hint())
        return self.methods[name]

    def protocol(self, id_: str) -> EvalProtocol:
        """The protocol of that id.

        Raises:
            UnknownNameError: neither hyperbench nor a plugin has one.
        """
        if id_ not in self.protocols:
            raise UnknownNameError("protocol", id_, self.protocols, self._failure_hint())
        return self.protocols[id_]

    def family_entry(self, id_: str) -> FamilyEntry:
        """The family of that id.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: its suite lies in the clone and is not installed.
        """
        if id_ not in self.families:
            self._refuse_absent_suite(id_.partition("/")[0])
            raise UnknownNameError("family", id_, self.families, self._failure_hint())
        return self.families[id_]

    def make_family(self, id_: str) -> TaskFamily:
        """Make the family of that id.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: it, or a package it requires, is not installed or cannot be imported, or
                its spaces are not flat boxes.
        """
        entry = self.family_entry(id_)
        family: TaskFamily = self._resolve(f"Family {id_!r}", entry)(**entry.arguments)
        if family.info.id != id_:
            raise PluginError(
                f"Family {id_!r} calls itself {family.info.id!r}; the ids must agree."
            )
        for name in ("observation_space", "action_space"):
            space = getattr(family, name, None)
            if not hasattr(space, "low") or len(getattr(space, "shape", None) or ()) != 1:
                raise PluginError(
                    f"Family {id_!r}: {name} must be a flat gymnasium.spaces.Box, it is {space}. "
                    "Flatten it in the environment."
                )
        return family

    def method_class(self, name: str) -> type[PolicyGenerator]:
        """Import the method of that name.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: it, or a package it requires, cannot be imported.
        """
        found: type[PolicyGenerator] = self._resolve(f"Method {name!r}", self.method_entry(name))
        return found

    def packages_of(self, family: str, method: str) -> dict[str, Path | None]:
        """Which distributions register a family and a method, and where their code is.

        Nobody registers control arms. Nothing is imported.
        """
        return {
            plugin.distribution: package_path(target)
            for plugin in self.plugins
            for target in (
                *(entry.target for entry in plugin.families if entry.id == family),
                *(entry.target for entry in plugin.methods if entry.name == method),
            )
        }

    def fingerprints(self, family: str, method: str = "") -> Fingerprints:
        """Hash the code of a family and a method as they are installed; nothing is imported.

        What is no method, such as a control arm, has none.

        Raises:
            UnknownNameError: nobody registers the family.
        """

        def of(entry: FamilyEntry | MethodEntry) -> str | None:
            return fingerprint(entry.target, self._owner(entry).distribution)

        return Fingerprints(
            method=of(self.methods[method]) if method in self.methods else None,
            family=of(self.family_entry(family)),
        )

    def policy_kind(self, kind: str) -> type[StorablePolicies]:
        """Import the policies of that kind.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: it cannot be imported.
        """
        if kind not in self.policy_kinds:
            raise UnknownNameError(
                "kind of policies", kind, self.policy_kinds, self._failure_hint()
            )
        found: type[StorablePolicies] = self._resolve(
            f"Policy kind {kind!r}", self.policy_kinds[kind]
        )
        return found

    def _family_of(self, suite: str, id_: str) -> FamilyEntry:
        if id_ not in self.families:
            raise PluginError(
                f"Suite {suite!r} lists the family {id_!r}, which no plugin registers."
            )
        return self.families[id_]

    def _owner(self, entry: FamilyEntry | MethodEntry | PolicyKindEntry) -> Plugin:
        return next(
            plugin
            for plugin in (_OWN, *self.plugins)
            if entry in (*plugin.families, *plugin.methods, *plugin.policy_kinds)
        )

    def _resolve(self, what: str, entry: FamilyEntry | MethodEntry | PolicyKindEntry) -> Any:
        owner = self._owner(entry)
        for package in getattr(entry, "requires", ()):
            if not _is_importable(package):
                raise PluginError(
                    f"{what} needs the package {package!r}, which is not installed. "
                    f"It {self._where_it_is(package, owner)}"
                )
        module, _, name = entry.target.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except Exception as error:  # a stranger's module may raise anything while it is imported
            raise PluginError(
                f"{what} of {owner.distribution} {owner.version} cannot be imported "
                f"from {entry.target!r}: {error}"
            ) from error

    def _refuse_absent_suite(self, suite: str) -> None:
        if self._clone is None or suite in self.suites:
            return
        package = self._clone.of_suite(suite)
        known = {plugin.distribution for plugin in self.plugins}
        if package is None or package.is_installed or package.distribution in known:
            return
        where = self._clone.how_to_install(package)
        raise PluginError(f"Suite {suite!r} is not installed. It {where}")

    def _where_it_is(self, package: str, owner: Plugin) -> str:
        # No name of an index is guessed at: anybody may have taken it.
        if self._clone is not None and (found := self._clone.of_import(package)):
            return self._clone.how_to_install(found)
        needed = f"is a dependency of {owner.distribution} {owner.version}"
        if self._clone is not None and (found := self._clone.of_distribution(owner.distribution)):
            return f"{needed}, which {self._clone.how_to_install(found)}"
        return f"{needed}: install that again, from where it came, with its dependencies."

    def _failure_hint(self) -> str:
        failed = [plugin.name for plugin in self.plugins if plugin.failure]
        if not failed:
            return ""
        return f"Not loaded: {', '.join(failed)}; see: hyperbench plugins"


@cache
def installed() -> Registry:
    """The registry of this Python environment; read once a process.

    ``HYPERBENCH_LOAD_PLUGINS`` names the plugins to load, separated by commas, or is ``none``;
    unset or empty, all are loaded.

    Raises:
        UnknownNameError: it names a plugin that is not installed.
    """
    sources = chosen_plugins(installed_plugins(), os.environ.get(LOAD_PLUGINS, ""))
    return Registry(sources, source_tree())


def _is_importable(package: str) -> bool:
    try:
        return util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False


def _refuse_duplicates(kind: str, found: list[tuple[str, str, str]]) -> None:
    owners: dict[str, tuple[str, str]] = {}
    for name, distribution, version in found:
        if name in owners:
            other, other_version = owners[name]
            raise PluginError(
                f"{kind} {name!r} is declared by both {other!r} {other_version} and "
                f"{distribution!r} {version}. Uninstall one."
            )
        owners[name] = (distribution, version)
