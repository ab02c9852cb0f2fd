"""What is installed: suites, families, methods, protocols by name, found through entry points."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from hyperbench.registry.clone import source_tree
from hyperbench.registry.files import PLUGIN, file_sources, given_plugins
from hyperbench.registry.given import given_objects, hold, source_of
from hyperbench.registry.plugins import (
    LOAD_PLUGINS,
    Given,
    PluginSource,
    chosen_plugins,
    installed_plugins,
)
from hyperbench.registry.registry import Registry

__all__ = [
    "PluginSource",
    "Registry",
    "chosen_plugins",
    "installed",
    "installed_plugins",
    "known_plugins",
    "plugged_in",
    "use_plugins",
]


def known_plugins() -> list[PluginSource]:
    """The plugins that ``installed`` loads.

    ``HYPERBENCH_LOAD_PLUGINS`` names those of the installed ones, separated by commas, or is
    ``none``; unset or empty, it is all. ``HYPERBENCH_PLUGIN`` adds files and ``module:Class``. What
    is handed over in Python comes last.

    Raises:
        UnknownNameError: a plugin is named that is not installed.
        PluginError: a file or a class cannot be loaded, or registers nothing.
    """
    chosen = chosen_plugins(installed_plugins(), os.environ.get(LOAD_PLUGINS, ""))
    return [*chosen, *file_sources(given_plugins()), *map(source_of, given_objects())]


@cache
def installed() -> Registry:
    """The registry of this Python environment, and of what is plugged in; read once a process.

    Raises:
        HyperbenchError: see ``known_plugins``.
    """
    return Registry(known_plugins(), source_tree())


def use_plugins(asked: Sequence[str], given: Sequence[Given] = ()) -> None:
    """Plug in files and classes, in place of those before, here and in processes started from here.

    Args:
        asked: paths of Python files, or ``module:Class``.
        given: what is handed over in Python, in this process alone.
    """
    if tuple(asked) != given_plugins():
        os.environ[PLUGIN] = ",".join(asked)
        installed.cache_clear()
    if tuple(given) != given_objects():
        hold(given)
        installed.cache_clear()


@contextmanager
def plugged_in(asked: Sequence[str], given: Sequence[Given] = ()) -> Iterator[None]:
    """Plug in as ``use_plugins``, for as long as the context lasts."""
    before = given_plugins(), given_objects()
    use_plugins(asked, given)
    try:
        yield
    finally:
        use_plugins(*before)
