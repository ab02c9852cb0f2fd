"""The registry: what plugins register, by name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperbench.errors import PluginError, UnknownNameError
from hyperbench.hookspecs import MethodEntry
from hyperbench.registry.clone import Clone, where_it_is
from hyperbench.registry.code import Fingerprints, fingerprint, is_importable, package_path
from hyperbench.registry.files import distributions_imported, packages_imported
from hyperbench.registry.names import Names
from hyperbench.registry.own import OWN, RESERVED
from hyperbench.registry.plugins import Plugin, PluginFile, PluginSource, blamed, load_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from hyperbench.executors import Executor
    from hyperbench.family import TaskFamily
    from hyperbench.generator import PolicyGenerator
    from hyperbench.policy import StorablePolicies
    from hyperbench.protocol import EvalProtocol


class Registry:
    """Everything the given plugins register; its names are those of ``Names``.

    Args:
        sources: the plugins; ``installed_plugins()`` for those of this environment.
        clone: where what is not installed may lie, for errors that say how to install it.
    """

    def __init__(self, sources: Iterable[PluginSource], clone: Clone | None = None) -> None:
        sources = sorted(sources, key=lambda source: (source.name, source.distribution))
        self._clone = clone
        self.plugins = tuple(load_plugin(source) for source in sources)
        plugins = (OWN, *self.plugins)
        self.families = Names("Family", ((e.id, p, e) for p in plugins for e in p.families))
        self.suites = Names("Suite", ((e.name, p, e) for p in plugins for e in p.suites))
        self.methods = Names(
            "Method", ((e.name, p, e) for p in plugins for e in p.methods), own=RESERVED
        )
        self.protocols = Names("Protocol", ((e.id, p, e) for p in plugins for e in p.protocols))
        self.executors = Names("Executor", ((e.name, p, e) for p in plugins for e in p.executors))
        self.listeners = Names("Listener", ((e.name, p, e) for p in plugins for e in p.listeners))
        kinds = ((e.kind, p, e) for p in plugins for e in p.policy_kinds)
        self.policy_kinds = Names("Kind of policies", kinds, is_said=False)  # by files

    @property
    def disputes(self) -> list[str]:
        """In a sentence each: names that several plugins register; whoever asks for one is told."""
        kinds = (
            *(self.suites, self.families, self.methods, self.protocols, self.policy_kinds),
            *(self.executors, self.listeners),
        )
        return [dispute for names in kinds for dispute in names.disputes]

    def select_families(self, asked: str) -> tuple[str, ...]:
        """Ids of the families of a suite, or of the one asked for, with or without its version.

        Raises:
            UnknownNameError: neither a suite nor a family is called so.
            PluginError: the suite lies in the clone and is not installed, or several plugins
                register that name.
        """
        if suite := self.suites.asked(asked):
            return tuple(self._of_suite(suite, id_) for id_ in self.suites[suite].families)
        parts = (id_.rpartition("-v") for id_ in self.families.spellings)
        versions = [int(end) for name, _, end in parts if name == asked and end.isdecimal()]
        newest = f"{asked}-v{max(versions)}" if versions else asked
        if family := self.families.asked(newest):
            return (family,)
        if members := tuple(id_ for id_ in self.families if id_.startswith(f"{asked}/")):
            return members  # of a suite whose own package is not installed
        self._refuse_absent_suite(asked.partition("/")[0])
        if "/" in asked:
            raise UnknownNameError("family", asked, self.families)
        hint = self._failure_hint()
        if self._clone is None and not hint:
            hint = "Suites come with packages; hyperbench's own lie in plugins/ of its source tree."
        raise UnknownNameError("suite", asked, self.suites, hint)

    def method_named(self, asked: str) -> str:
        """The name that the method asked for is known by.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: several plugins register that name.
        """
        return self._known(self.methods, asked)

    def method_entry(self, name: str) -> MethodEntry:
        """The method of that name; raises as ``method_named``."""
        return self.methods[self.method_named(name)]

    def protocol(self, id_: str) -> EvalProtocol:
        """The protocol of that id, under the id that it is known by.

        Raises:
            UnknownNameError: neither hyperbench nor a plugin has one.
            PluginError: several plugins register that id.
        """
        name = self._known(self.protocols, id_)
        found = self.protocols[name]
        return found if found.id == name else found.model_copy(update={"id": name})

    def family_named(self, id_: str) -> str:
        """The id that the family asked for is known by.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: several plugins register that id, a suite lists what none registers, or
                the suite lies in the clone and is not installed.
        """
        name = self.families.asked(id_)
        if name is not None:
            return name
        self._refuse_absent_suite(id_.partition("/")[0])
        for suite in self.suites.values():
            if id_ in suite.families:
                raise PluginError(
                    f"Suite {suite.name!r} lists the family {id_!r}, which no plugin registers."
                )
        raise UnknownNameError("family", id_, self.families, self._failure_hint())

    def make_family(self, id_: str) -> TaskFamily:
        """Make the family of that id.

        Where several plugins register one, its ``info.id`` says which it is, so that its
        demonstrations, runs and boards are its own.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: it, or a package it requires, is not installed, cannot be imported or made,
                its spaces are not flat boxes, or several plugins register that id.
        """
        from hyperbench.task import told_apart  # late: completion loads a registry, and no NumPy

        name = self.family_named(id_)
        owner, entry = self.families.claim(name)
        what = f"Family {name!r}"
        family_class = self._resolve(self.families, name)
        with blamed(f"{what} of {owner.distribution} {owner.version} cannot be made"):
            family: TaskFamily = family_class(**entry.arguments)
            # Properties of a stranger's class are code as well.
            for needed in ("info", "tasks", "spec_space", "observation_space", "action_space"):
                getattr(family, needed)
        if family.info.id != entry.id:
            raise PluginError(
                f"Family {entry.id!r} calls itself {family.info.id!r}; the ids must agree."
            )
        for space_name in ("observation_space", "action_space"):
            space = getattr(family, space_name)
            if not hasattr(space, "low") or len(getattr(space, "shape", None) or ()) != 1:
                raise PluginError(
                    f"{what}: {space_name} must be a flat gymnasium.spaces.Box, it is {space}. "
                    "Flatten it in the environment."
                )
        tasks = family.tasks
        if tasks and (labelled := told_apart(tasks))[0].num_digits:
            family.tasks = labelled
        if name != entry.id:
            with blamed(f"{what} cannot be told from others of its id: its info cannot be set"):
                family.info = replace(family.info, id=name)
        return family

    def method_class(self, name: str) -> type[PolicyGenerator]:
        """Import the method of that name.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: it, or a package it requires, cannot be imported, or several plugins
                register that name.
        """
        found: type[PolicyGenerator] = self._resolve(self.methods, self.method_named(name))
        return found

    def packages_of(self, family: str, method: str) -> dict[str, Path | None]:
        """Which distributions register a family and a method, and where their code is.

        Nobody registers control arms. Nothing is imported.
        """
        claims = self._claims(family, method)
        found = {
            owner.distribution: owner.given.place if owner.given else package_path(entry.target)
            for owner, entry in claims
        }
        for file in self.files_of(family, method):
            # No metadata say what a file is built on.
            imported = packages_imported(file.text)
            needed = {
                p.distribution: top
                for p in self.plugins
                for top in p.packages & imported
                if p.file is None
            }
            needed |= distributions_imported(file.text)
            found |= {name: package_path(top) for name, top in needed.items()}
        return found

    def files_of(self, family: str, method: str) -> tuple[PluginFile, ...]:
        """The files that register a family and a method, where single files do."""
        files = (owner.file for owner, _ in self._claims(family, method))
        return tuple(dict.fromkeys(file for file in files if file is not None))

    def fingerprints(self, family: str, method: str = "") -> Fingerprints:
        """Hash the code of a family and a method as they are installed; nothing is imported.

        What is not registered, as no control arm is, has none.
        """

        def of(names: Names[Any], name: str) -> str | None:
            if name not in names:
                return None
            owner, entry = names.claim(name)
            given = owner.given
            return given.code if given else fingerprint(entry.target, owner.distribution)

        return Fingerprints(method=of(self.methods, method), family=of(self.families, family))

    def policy_kind(self, kind: str) -> type[StorablePolicies]:
        """Import the policies of that kind.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: it cannot be imported, or several plugins register that name.
        """
        known = self._known(self.policy_kinds, kind)
        found: type[StorablePolicies] = self._resolve(self.policy_kinds, known)
        return found

    def executor_class(self, name: str) -> type[Executor]:
        """Import the executor of that name.

        Raises:
            UnknownNameError: nobody registers it.
            PluginError: it, or a package it requires, cannot be imported, or several plugins
                register that name.
        """
        found: type[Executor] = self._resolve(self.executors, self._known(self.executors, name))
        return found

    def listener_class(self, name: str) -> type[Any]:
        """Import the ``view.listener.Listener`` of that name; raises as ``executor_class``."""
        found: type[Any] = self._resolve(self.listeners, self._known(self.listeners, name))
        return found

    def _claims(self, family: str, method: str) -> list[tuple[Plugin, Any]]:
        asked = ((self.families, family), (self.methods, method))
        return [names.claim(name) for names, name in asked if name in names]

    def _known(self, names: Names[Any], asked: str) -> str:
        name = names.asked(asked)
        if name is None:
            raise UnknownNameError(names.kind.lower(), asked, names, self._failure_hint())
        return name

    def _of_suite(self, suite: str, id_: str) -> str:
        """The family that a suite means: that of its own plugin, where others use the id, too."""
        its_own = f"{self.suites.claim(suite)[0].distribution}:{id_}"
        return its_own if its_own in self.families else id_

    def _resolve(self, names: Names[Any], name: str) -> Any:
        owner, entry = names.claim(name)
        if owner.given is not None:
            return owner.given.made
        what = f"{names.kind} {name!r}"
        module, _, target = entry.target.partition(":")
        place = f"of {owner.distribution} {owner.version} cannot be imported from {entry.target!r}"
        with blamed(f"{what} {place}"):
            missing = [name for name in getattr(entry, "requires", ()) if not is_importable(name)]
            if not missing:
                return getattr(importlib.import_module(module), target)
        asked = missing[0], owner.distribution, owner.version, self._clone
        raise PluginError(
            f"{what} needs the package {missing[0]!r}, which is not installed. "
            f"It {where_it_is(*asked, extra=getattr(entry, 'name', ''))}"
        )

    def _refuse_absent_suite(self, suite: str) -> None:
        if self._clone is None or suite in self.suites:
            return
        package = self._clone.of_suite(suite)
        known = {plugin.distribution for plugin in self.plugins}
        if package is None or package.is_installed or package.distribution in known:
            return
        where = self._clone.how_to_install(package)
        raise PluginError(f"Suite {suite!r} is not installed. It {where}")

    def _failure_hint(self) -> str:
        failed = [plugin.name for plugin in self.plugins if plugin.failure]
        if not failed:
            return ""
        return f"Not loaded: {', '.join(failed)}; see: hyperbench plugins"
