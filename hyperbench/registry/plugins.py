"""Plugins: what this environment declares, which of it is loaded, and what each registers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import pluggy
from pydantic import BaseModel, ConfigDict

from hyperbench import hookspecs
from hyperbench.errors import PluginError, UnknownNameError, one_line
from hyperbench.hookspecs import (
    ENTRY_POINT_GROUP,
    ExecutorEntry,
    FamilyEntry,
    ListenerEntry,
    MethodEntry,
    PolicyKindEntry,
    SuiteEntry,
    registered_in,
)
from hyperbench.protocol import EvalProtocol

LOAD_PLUGINS = "HYPERBENCH_LOAD_PLUGINS"
"""Environment variable that says which plugins are loaded."""

Entry = TypeVar(
    "Entry",
    FamilyEntry,
    SuiteEntry,
    MethodEntry,
    PolicyKindEntry,
    EvalProtocol,
    ExecutorEntry,
    ListenerEntry,
)


class PluginFile(BaseModel):
    """A file that was plugged in, whole: it is installed nowhere."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str
    """Without its folder."""
    sha256: str
    """Checksum of its bytes."""
    text: str
    """All that stands in it."""

    @property
    def version(self) -> str:
        """What it is told apart by from others of its name: the first digits of its checksum."""
        return self.sha256[:8]

    @classmethod
    def read(cls, path: Path) -> PluginFile:
        """Read a file.

        Raises:
            PluginError: it cannot be read, or is no UTF-8.
        """
        try:
            content = path.read_bytes()
            text = content.decode("utf-8")
        except OSError as error:
            raise PluginError(f"Plugin {path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise PluginError(f"Plugin {path} is no UTF-8. Save it as UTF-8.") from error
        return cls(name=path.name, sha256=hashlib.sha256(content).hexdigest(), text=text)


@dataclass(frozen=True)
class Given:
    """A method, family or kind of policies that was handed over in Python, under no file's name.

    Args:
        entry: what it is registered as.
        made: the class, or what makes the family.
        owner: what stands in place of a distribution: the script, or ``__main__``.
        code: fingerprint of its code; None where nobody can know.
        file: the script, or the cell, as far as it can be read.
        place: of the script.
        packed: what travels to other processes, by ``cloudpickle``; None if it cannot.
        why_not: why it cannot.
    """

    entry: MethodEntry | FamilyEntry | PolicyKindEntry
    made: Any = field(compare=False, repr=False)
    owner: str
    code: str | None = None
    file: PluginFile | None = None
    place: Path | None = None
    packed: bytes | None = field(default=None, repr=False)
    why_not: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        if self.packed is None:
            raise TypeError(f"{self.entry} cannot travel: {self.why_not}")
        said = (self.entry, self.owner, self.code, self.file, self.place, self.packed)
        return _arrived, said


def _arrived(entry: Any, owner: str, code: str | None, file: Any, place: Any, packed: bytes) -> Any:
    import cloudpickle

    return Given(entry, cloudpickle.loads(packed), owner, code, file, place, packed)


@dataclass(frozen=True)
class PluginSource:
    """One entry point: where a plugin comes from and how to import it."""

    name: str
    distribution: str
    version: str
    load: Callable[[], Any]
    file: PluginFile | None = None
    """Where it is a single file that nobody has installed."""
    asked: str = ""
    """What was given after ``--plugin``; empty where it is installed."""
    given: Given | None = None
    """What was handed over in Python, where that is all."""


@dataclass(frozen=True)
class Plugin:
    """A plugin as found: what it registered, or why it could not be loaded."""

    name: str
    distribution: str
    version: str
    families: tuple[FamilyEntry, ...] = ()
    suites: tuple[SuiteEntry, ...] = ()
    methods: tuple[MethodEntry, ...] = ()
    policy_kinds: tuple[PolicyKindEntry, ...] = ()
    protocols: tuple[EvalProtocol, ...] = ()
    executors: tuple[ExecutorEntry, ...] = ()
    listeners: tuple[ListenerEntry, ...] = ()
    failure: str | None = None
    is_own: bool = False
    """Whether it is hyperbench itself."""
    file: PluginFile | None = None
    """Where it is a single file that nobody has installed."""
    asked: str = ""
    """What was given after ``--plugin``; empty where it is installed."""
    given: Given | None = None
    """What was handed over in Python, where that is all."""

    @property
    def packages(self) -> set[str]:
        """Names of the packages that its classes are imported from."""
        targets = [
            *(family.target for family in self.families),
            *(method.target for method in self.methods),
            *(kind.target for kind in self.policy_kinds),
        ]
        return {target.partition(":")[0].partition(".")[0] for target in targets}


def installed_plugins() -> list[PluginSource]:
    """The entry points of this Python environment in the group ``hyperbench``."""
    sources = []
    for distribution in metadata.distributions():
        for point in distribution.entry_points:
            if point.group == ENTRY_POINT_GROUP:
                sources.append(
                    PluginSource(point.name, distribution.name, distribution.version, point.load)
                )
    # A distribution found twice is one plugin: the one found first, which Python imports, too.
    return list({(s.name, s.distribution): s for s in reversed(sources)}.values())


def chosen_plugins(sources: Sequence[PluginSource], asked: str) -> list[PluginSource]:
    """Choose the plugins that are to be loaded.

    Args:
        sources: all that are installed.
        asked: names of plugins, or of their distributions, separated by commas; ``none``; or
            nothing, for all.

    Raises:
        UnknownNameError: no plugin is called so.
    """
    names = {name.strip() for name in asked.split(",")} - {""}
    if not names:
        return list(sources)
    if names == {"none"}:
        return []
    known = {name for source in sources for name in (source.name, source.distribution)}
    for name in sorted(names - known):
        raise UnknownNameError(f"plugin in {LOAD_PLUGINS}", name, known)
    return [source for source in sources if names & {source.name, source.distribution}]


def load_plugin(source: PluginSource) -> Plugin:
    """Import a plugin and ask what it registers; whatever it raises is told, never raised."""
    plugin = Plugin(
        source.name,
        source.distribution,
        source.version,
        file=source.file,
        asked=source.asked,
        given=source.given,
    )
    if source.given is not None:
        kinds = {"methods": MethodEntry, "families": FamilyEntry, "policy_kinds": PolicyKindEntry}
        entry = source.given.entry
        held = {name: (entry,) for name, kind in kinds.items() if isinstance(entry, kind)}
        return replace(plugin, **held)  # type: ignore[arg-type]  # each of its kind
    # One manager per plugin: pluggy would let one broken import end the load of all.
    manager = pluggy.PluginManager("hyperbench")
    manager.add_hookspecs(hookspecs)
    try:
        loaded = source.load()
        manager.register(loaded, name=source.name)
        manager.check_pending()
        hook, decorated = manager.hook, registered_in(loaded)

        def entries(returned: Sequence[Sequence[Any]], kind: type[Entry]) -> tuple[Entry, ...]:
            of_kind = [entry for entry in decorated if isinstance(entry, kind)]
            return _flat([*returned, of_kind], kind)

        return replace(
            plugin,
            families=entries(hook.hyperbench_families(), FamilyEntry),
            suites=_flat(hook.hyperbench_suites(), SuiteEntry),
            methods=entries(hook.hyperbench_methods(), MethodEntry),
            policy_kinds=entries(hook.hyperbench_policy_kinds(), PolicyKindEntry),
            protocols=_flat(hook.hyperbench_protocols(), EvalProtocol),
            executors=_flat(hook.hyperbench_executors(), ExecutorEntry),
            listeners=_flat(hook.hyperbench_events(), ListenerEntry),
        )
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a stranger's code may raise anything; it is listed, not hidden
        return replace(plugin, failure=one_line(error))


def _flat(results: Sequence[Sequence[Any]], kind: type[Entry]) -> tuple[Entry, ...]:
    entries = tuple(entry for result in results for entry in result)
    for entry in entries:
        if not isinstance(entry, kind):
            raise TypeError(f"{entry!r} is registered where {kind.__name__} belongs")
    return entries


@contextmanager
def blamed(problem: str) -> Iterator[None]:
    """Whatever a stranger's code raises is a plugin's error, told in one line."""
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise PluginError(f"{problem}: {one_line(error)}") from error
