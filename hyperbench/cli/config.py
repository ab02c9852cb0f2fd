"""Config files: YAML without what surprises people, and without what loses their settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from hyperbench.errors import HyperbenchError
from hyperbench.files import read_file

_DEEPEST = 20
"""Levels of brackets; an option has two at most."""
_MOST_BYTES = 2**20


class _Loader(yaml.SafeLoader):
    """YAML 1.2's whole numbers: ``020`` is twenty, and ``1:30`` is no number of seconds."""

    def fetch_flow_collection_start(self, *arguments: Any) -> None:
        # Its time grows with the square of the depth.
        if self.flow_level >= _DEEPEST:
            raise yaml.scanner.ScannerError(None, None, "nested too deeply", self.get_mark())
        super().fetch_flow_collection_start(*arguments)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        known: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in known:
                # PyYAML would keep the last one and lose the others in silence.
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", key_node.start_mark
                )
            known.add(key)
        return super().construct_mapping(node, deep)


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag not in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:timestamp")
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789")
)
_Loader.add_constructor("tag:yaml.org,2002:int", _whole)


def load_config(path: Path) -> dict[Any, Any]:
    """Read a file of options.

    Raises:
        HyperbenchError: it cannot be read, gives an option twice, or is no mapping.
    """
    try:
        text = read_file(path, _MOST_BYTES).decode()
        content = yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader
    # A key may be no key, a number no number, a date no day, whatever is below may be too deep.
    except (OSError, TypeError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise HyperbenchError(f"Config file {path} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise HyperbenchError(f"Config file {path} must be a mapping of option names to values.")
    return content
