"""What a plugin can register: worlds, methods, kinds of policies, rules, executors, listeners.

A plugin is a module named in the entry-point group ``hyperbench``. It implements any of the seven
hooks. Entries name their classes as ``"module:Class"``; nothing heavy is imported until a class is
used, so keep torch and simulators out of the entry-point module. A protocol is data, and returned
itself.

In place of hooks, classes of that module may be decorated by ``register_method``,
``register_family`` and ``register_policy_kind``; so may those of a single file, which ``--plugin``
loads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

import pluggy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hyperbench.protocol import EvalProtocol, Track

ENTRY_POINT_GROUP = "hyperbench"

hookspec = pluggy.HookspecMarker("hyperbench")
hookimpl = pluggy.HookimplMarker("hyperbench")


@dataclass(frozen=True)
class FamilyEntry:
    """A task family.

    Args:
        id: ``suite/name-vN``, equal to the family's ``info.id``.
        target: ``"module:Class"`` of a ``TaskFamily``.
        summary: one line for ``hyperbench list``.
        arguments: keyword arguments for the class.
        requires: import names the family needs at run time; a missing one is named in the error.
        except_for: names of checks of the contract kit that do not apply to it.
    """

    id: str
    target: str
    summary: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    requires: Sequence[str] = ()
    except_for: Sequence[str] = ()


@dataclass(frozen=True)
class SuiteEntry:
    """A named list of families.

    Args:
        name: what ``--suite`` takes.
        families: ids of the families, in the order of the board.
        summary: one line for ``hyperbench list``.
    """

    name: str
    families: Sequence[str]
    summary: str


@dataclass(frozen=True)
class MethodEntry:
    """A method.

    Args:
        name: what ``--method`` takes.
        target: ``"module:Class"`` of a ``PolicyGenerator``.
        summary: one line for ``hyperbench list``.
        version: rises whenever the method's results would move; part of a run's identity.
        paper: what to cite.
        baseline: whether boards measure it beside the methods asked for, unless told not to.
        requires: import names the method needs at run time.
        track: ``"few-shot"`` if ``generate`` needs support; such a method runs under few-shot
            protocols only, and no other is handed any support.
        except_for: names of checks of the contract kit that do not apply to it, such as
            ``check_seed_matters`` to a method in closed form.
    """

    name: str
    target: str
    summary: str
    version: int = 1
    paper: str = ""
    baseline: bool = False
    requires: Sequence[str] = ()
    track: Track = "zero-shot"
    except_for: Sequence[str] = ()


@dataclass(frozen=True)
class PolicyKindEntry:
    """A kind of policies that records can keep.

    Args:
        kind: as its class calls itself, and as files name it.
        target: ``"module:Class"`` of a class with all that ``policy.StorablePolicies`` has.
    """

    kind: str
    target: str


@dataclass(frozen=True)
class ExecutorEntry:
    """An executor: where runs are carried out.

    Args:
        name: what ``--executor`` takes.
        target: ``"module:Class"`` of an ``executors.Executor``.
        summary: one line for ``hyperbench list``.
        requires: import names the executor needs; a missing one is named in the error.
    """

    name: str
    target: str
    summary: str
    requires: Sequence[str] = ()


@dataclass(frozen=True)
class ListenerEntry:
    """A listener: what is told how runs go.

    Args:
        name: what ``--listener`` takes.
        target: ``"module:Class"`` of a ``view.listener.Listener``.
        summary: one line for ``hyperbench list``.
        requires: import names the listener needs; a missing one is named in the error, and the
            distribution's extra of the listener's name, if there is one.
    """

    name: str
    target: str
    summary: str
    requires: Sequence[str] = ()


Entry = FamilyEntry | MethodEntry | PolicyKindEntry
_ENTRIES = "hyperbench_entries"


def register_method(name: str, *, summary: str = "", **details: Any) -> Callable[[Any], Any]:
    """Register the class below as a method, or the function below, which is made one.

    A function is ``(demonstrations, seed) -> (specs -> policies)``; see ``FunctionMethod``.

    Args:
        name: what ``--method`` takes.
        summary: one line for ``hyperbench list``; the first of the docstring where it is not given.
        details: further fields of ``MethodEntry``, by name.
    """

    def register(method: Any) -> Any:
        if not isinstance(method, type):
            from hyperbench.registry.functions import method_of  # late: it needs NumPy

            method = method_of(method)
        entry = MethodEntry(name, _target(method), summary or first_line(method), **details)
        return _with_entry(method, entry)

    return register


def register_family(id_: str = "", *, summary: str = "", **details: Any) -> Callable[[Any], Any]:
    """Register the class below as a family, or the function that makes one.

    Args:
        id_: its ``info.id``, where that is not the same for each of its instances.
        summary: one line for ``hyperbench list``; that of its ``info`` where it is not given.
        details: further fields of ``FamilyEntry``, by name.
    """

    def register(family: Any) -> Any:
        if not (id_ and summary) and not hasattr(family, "info"):
            raise TypeError(f"{family.__name__} has no info: say its id and a summary.")
        entry = FamilyEntry(
            id_ or family.info.id, _target(family), summary or family.info.summary, **details
        )
        return _with_entry(family, entry)

    return register


def register_policy_kind(policies: Any) -> Any:
    """Register the class below as a kind of policies, under its ``kind``."""
    return _with_entry(policies, PolicyKindEntry(policies.kind, _target(policies)))


def registered_in(place: Any) -> list[Entry]:
    """What decorators have registered of a class, or of a module's own classes and functions."""
    classes = [place]
    if isinstance(place, ModuleType):
        own = place.__name__
        classes = [made for made in vars(place).values() if getattr(made, "__module__", "") == own]
    kinds = type | FunctionType
    found = {id(made): vars(made).get(_ENTRIES, ()) for made in classes if isinstance(made, kinds)}
    return [entry for entries in found.values() for entry in entries]


def _with_entry(registered: Any, entry: Entry) -> Any:
    setattr(registered, _ENTRIES, (*vars(registered).get(_ENTRIES, ()), entry))
    return registered


def _target(registered: Any) -> str:
    return f"{registered.__module__}:{registered.__qualname__}"


def first_line(registered: Any) -> str:
    """First line of a docstring, without its full stop; empty where there is none."""
    return (registered.__doc__ or "").strip().partition("\n")[0].rstrip(".")


@hookspec
def hyperbench_families() -> Sequence[FamilyEntry]:  # type: ignore[empty-body]
    """Register task families."""


@hookspec
def hyperbench_suites() -> Sequence[SuiteEntry]:  # type: ignore[empty-body]
    """Register suites of families, one's own or other plugins'."""


@hookspec
def hyperbench_methods() -> Sequence[MethodEntry]:  # type: ignore[empty-body]
    """Register methods."""


@hookspec
def hyperbench_policy_kinds() -> Sequence[PolicyKindEntry]:  # type: ignore[empty-body]
    """Register kinds of policies, so that runs of methods that generate them can be verified."""


@hookspec
def hyperbench_protocols() -> Sequence[EvalProtocol]:  # type: ignore[empty-body]
    """Register protocols."""


@hookspec
def hyperbench_executors() -> Sequence[ExecutorEntry]:  # type: ignore[empty-body]
    """Register executors, so that runs can be carried out elsewhere."""


@hookspec
def hyperbench_events() -> Sequence[ListenerEntry]:  # type: ignore[empty-body]
    """Register listeners, so that others see how runs go."""
