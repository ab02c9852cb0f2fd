"""What a shell completes: names, without importing what they stand for.

Each function is given what stands before on the line, and gives what may stand here. What cannot be
read is completed by nothing: a shell has no place for errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from hyperbench.registry import Registry
    from hyperbench.run import Run

Completer = Callable[[typer.Context, str], list[str]]


def of_words(*words: str) -> Completer:
    """Complete one of some words."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:  # noqa: ARG001
        return _beginning(incomplete, words)

    return complete


def of_names(*kinds: str) -> Completer:
    """Complete what is registered.

    Args:
        kinds: ``"method"``, ``"arm"``, ``"world"`` for suites and families, ``"protocol"`` or
            ``"executor"``.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        with _known(context) as registry:
            names = {name for kind in kinds for name in _REGISTERED[kind](registry)}
        return _beginning(incomplete, names)

    return complete


def of_runs(field: str) -> Completer:
    """Complete what runs have, of the folders that stand before on the line, or of ``runs``.

    Args:
        field: ``"protocol"``, ``"world"`` for suites and families, ``"method"`` for methods and
            their rows, or ``"row"`` for these alone.
    """

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        return _beginning(incomplete, _IN_RUNS[field](_runs(context)))

    return complete


@contextmanager
def _known(context: typer.Context) -> Iterator[Registry]:
    """What is installed, and plugged in by options that stand before on the line."""
    from hyperbench.errors import HyperbenchError
    from hyperbench.registry import installed, plugged_in
    from hyperbench.registry.files import absolute, given_plugins

    files = map(absolute, context.params.get("plugin") or ())
    with plugged_in([*given_plugins(), *files]):
        try:
            registry = installed()
        except HyperbenchError:
            registry = None
    if registry is None:
        with plugged_in([]):
            registry = installed()
    yield registry


def _runs(context: typer.Context) -> list[Run]:
    from hyperbench.errors import HyperbenchError
    from hyperbench.records.find import content_of, find_runs
    from hyperbench.run import Run

    # An option that has no value yet leaves arguments unread.
    folders = context.params.get("folders") or context.args or ["runs"]
    found = []
    places: list[Path] = []
    for folder in folders:
        with suppress(HyperbenchError):
            places += find_runs([Path(folder)])
    for place in places:
        with suppress(HyperbenchError, ValueError):  # one may be damaged
            said = content_of(place)
            found.append(Run.model_validate({n: said[n] for n in Run.model_fields if n in said}))
    return found


def _rows(runs: Iterable[Run]) -> list[str]:
    """The names of rows, as boards tell them apart that hold all these runs."""
    from hyperbench.boards.worlds import method_labels, suite_of

    boards: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        boards.setdefault((suite_of(run), run.protocol.id), []).append(run)
    return [row for board in boards.values() for row in method_labels(board).values()]


def _worlds(families: Iterable[str]) -> list[str]:
    """All that families are asked for by: their suites, and ids with and without a version."""
    from hyperbench.boards.worlds import names_of

    return [name for id_ in families for name in names_of(id_)]


def _arms(_: Registry) -> Iterable[str]:
    from hyperbench.registry.own import RESERVED

    return RESERVED


_REGISTERED: dict[str, Callable[[Registry], Iterable[str]]] = {
    "method": lambda registry: registry.methods,
    "arm": _arms,
    "world": lambda registry: [*registry.suites, *_worlds(registry.families)],
    "protocol": lambda registry: registry.protocols,
    "executor": lambda registry: registry.executors,
}
_IN_RUNS: dict[str, Callable[[list[Run]], Iterable[str]]] = {
    "protocol": lambda runs: [run.protocol.id for run in runs],
    "world": lambda runs: _worlds({run.family for run in runs}),
    "method": lambda runs: [*_rows(runs), *(run.method for run in runs)],
    "row": _rows,
}


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})
