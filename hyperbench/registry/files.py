"""Plugins of one file: Python files, and classes of any module, that nobody has installed."""

from __future__ import annotations

import ast
import importlib
import os
import re
import sys
import traceback
from collections.abc import Sequence
from functools import cache
from importlib import machinery, metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

from hyperbench.errors import PluginError, one_line
from hyperbench.hookspecs import hookimpl, registered_in
from hyperbench.registry.plugins import PluginFile, PluginSource
from hyperbench.seeding import content_hash

PLUGIN = "HYPERBENCH_PLUGIN"
"""Environment variable that names files and classes to plug in, separated by commas."""


def given_plugins() -> tuple[str, ...]:
    """What the environment says is plugged in; files by their whole paths."""
    said = (name.strip() for name in os.environ.get(PLUGIN, "").split(","))
    return tuple(dict.fromkeys(absolute(name) for name in said if name))


def absolute(asked: str) -> str:
    """The whole path of a file, so that it is found from any folder; a class as it is named."""
    return str(Path(asked).expanduser().resolve()) if is_file(asked) else asked


def file_sources(asked: Sequence[str]) -> list[PluginSource]:
    """Load what is plugged in.

    Args:
        asked: paths of Python files, or ``module:Class``.

    Raises:
        PluginError: one cannot be loaded, or registers nothing.
    """
    return [_source_of_file(Path(one)) if is_file(one) else _source_of_class(one) for one in asked]


@cache
def distributions_imported(text: str) -> dict[str, str]:
    """Which distributions some code imports from: per distribution a package of it.

    Those of editable installations are not all known to Python.
    """
    known = metadata.packages_distributions()
    return {known[top][0]: top for top in packages_imported(text) if top in known}


def packages_imported(text: str) -> set[str]:
    """Names of packages that some code imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def is_file(asked: str) -> bool:
    """Whether what is asked for is a Python file: not ``module:Class``, nor the id of a family."""
    return asked.endswith(".py")


def _source_of_file(path: Path) -> PluginSource:
    file = PluginFile.read(path)
    # A name of its own: two files may be called alike, and what is installed as well.
    word = re.sub(r"\W", "_", path.stem)
    name = f"{word}_{content_hash([str(path), file.sha256])[:8]}"
    return _source(str(path), file, _module(name, path, file), path.stem)


def _source_of_class(asked: str) -> PluginSource:
    module_name, _, class_name = asked.partition(":")
    if not class_name:
        raise PluginError(
            f"Plugin {asked!r} is neither a Python file nor module:Class. "
            "Give one of them, such as ./knn.py or my_package.knn:Knn."
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # a stranger's code may raise anything
        raise PluginError(f"Plugin {asked!r} cannot be imported: {one_line(error)}") from error
    place = getattr(sys.modules[module_name], "__file__", None)
    return _source(asked, PluginFile.read(Path(place)) if place else None, found, class_name)


def _source(asked: str, file: PluginFile | None, loaded: Any, name: str) -> PluginSource:
    hooks = [made for made in vars(loaded).values() if hasattr(made, _HOOK_MARK)]
    if not registered_in(loaded) and not hooks:
        raise PluginError(
            f'Plugin {asked} registers nothing. Write @hb.register_method("name") or '
            "@hb.register_family() above its class, after: import hyperbench as hb"
        )
    distribution = asked if file is None else file.name
    version = "" if file is None else file.version
    return PluginSource(name, distribution, version, lambda: loaded, file, asked)


def _module(name: str, path: Path, file: PluginFile) -> ModuleType:
    """Run a file as a module, once for each text that it has had.

    Raises:
        PluginError: it raises.
    """
    if name in sys.modules:
        return sys.modules[name]
    loader = machinery.SourceFileLoader(name, str(path))
    spec = machinery.ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    module = util.module_from_spec(spec)
    sys.modules[name] = module  # Pydantic and pickle look there for what is being made
    try:
        exec(compile(file.text, str(path), "exec"), vars(module))  # noqa: S102 - as asked for
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # whatever a file raises, or how it leaves
        del sys.modules[name]
        lines = [
            f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)
        ]
        where = f", line {lines[-1]}" if lines else ""
        raise PluginError(f"Plugin {path}{where}: {one_line(error)}") from error
    return module


_HOOK_MARK = f"{hookimpl.project_name}_impl"
