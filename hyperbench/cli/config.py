"""Config files: YAML without what surprises people, and without what loses their settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from hyperbench.errors import HyperbenchError
from hyperbench.files import read_file
from hyperbench.measuring.settings import YamlLoader

_MOST_BYTES = 2**20

Given = str | list[str] | None


def load_config(path: Path) -> dict[str, Given]:
    """Read a file of options as they would be written on the command line, or in the environment.

    Each type reads its own values there, so ``020`` is twenty to a number and a folder's name to a
    path. Settings, a mapping below ``set``, become ``name=value``, a quoted value with its quotes.

    Returns:
        Per option its text, its texts where there are several, or None where nothing is said.

    Raises:
        HyperbenchError: it cannot be read, gives an option twice, or is no mapping of options.
    """
    with _read(path) as (loader, root):
        return {
            str(key.value): _settings(loader, value)
            if key.value == "set"
            else _option(path, key, value)
            for key, value in root.value
        }


def load_mapping(path: Path) -> dict[str, Any]:
    """Read a file of settings, as values.

    Raises:
        HyperbenchError: it cannot be read, gives a name twice, or is no mapping of names.
    """
    with _read(path) as (loader, root):
        return {
            str(key.value): loader.construct_object(node, deep=True) for key, node in root.value
        }


@contextmanager
def _read(path: Path) -> Iterator[tuple[YamlLoader, yaml.MappingNode]]:
    try:
        text = read_file(path, _MOST_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise HyperbenchError(
            f"Config file {path} is no UTF-8: byte {error.object[error.start]:#04x} at position "
            f"{error.start}. Save it as UTF-8."
        ) from error
    except OSError as error:
        raise HyperbenchError(f"Config file {path} cannot be read: {error.strerror}.") from error
    try:
        loader = YamlLoader(text)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise HyperbenchError(
                f"Config file {path} must be a mapping of option names to values."
            )
        loader.refuse_twice(root)
        yield loader, root
    except RecursionError:
        raise HyperbenchError(f"Config file {path} is nested too deeply.") from None
    except (TypeError, ValueError, yaml.YAMLError) as error:
        raise HyperbenchError(f"Config file {path} cannot be read: {error}") from error


def _option(path: Path, key: yaml.Node, value: yaml.Node) -> Given:
    if isinstance(value, yaml.ScalarNode):
        return None if value.tag == _NULL else str(value.value)
    items = value.value
    if isinstance(value, yaml.MappingNode) or not all(
        isinstance(i, yaml.ScalarNode) for i in items
    ):
        raise HyperbenchError(
            f"Config file {path}: {key.value!r} takes a value or a list of values, such as "
            f"{key.value}: [a, b]."
        )
    return [str(item.value) for item in value.value]


def _settings(loader: YamlLoader, node: yaml.Node) -> list[str] | None:
    """What ``set`` says, be it a mapping, a list of such, or ``name=value`` as after ``--set``."""
    if isinstance(node, yaml.MappingNode):
        loader.refuse_twice(node)
        return [f"{key.value}={_text(loader, value)}" for key, value in node.value]
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == _NULL else [str(node.value)]
    return [setting for item in node.value for setting in _settings(loader, item) or ()]


def _text(loader: YamlLoader, node: yaml.Node) -> str:
    """A value as it would be written after ``--set``: a plain word as it stands."""
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    if is_plain and node.tag == loader.resolve(yaml.ScalarNode, node.value, (True, False)):  # type: ignore[no-untyped-call]
        return str(node.value)
    return json.dumps(loader.construct_object(node, deep=True), ensure_ascii=False)


_NULL = "tag:yaml.org,2002:null"
