"""Settings of methods: what is written after ``--set`` or in a file, read by the config's types."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from hyperbench.errors import HyperbenchError, UnknownNameError
from hyperbench.generator import MethodConfig
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry

NOTHING = ("", "~", "null", "Null", "NULL", "None")
"""How no value is written where a field may have none."""

_DEEPEST = 20
"""Levels of brackets; a setting has a few."""
_HOW = "Values are written as in YAML: 3, word, null, [1, 2], {a: 1}."
_COLLECTIONS = ("dict_type", "list_type", "model_type", "set_type", "tuple_type")


class YamlLoader(yaml.SafeLoader):
    """YAML 1.2's scalars: ``020`` is twenty, ``1e-3`` a number, ``off`` a word, ``1:30`` too."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            # A few lines of aliases may stand for more than any memory holds.
            raise yaml.composer.ComposerError(problem="write the value again instead of an alias")
        return super().compose_node(parent, index)

    def fetch_flow_collection_start(self, *arguments: Any) -> None:
        # Its time grows with the square of the depth.
        if self.flow_level >= _DEEPEST:
            raise yaml.scanner.ScannerError(None, None, "nested too deeply", self.get_mark())
        super().fetch_flow_collection_start(*arguments)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        self.refuse_twice(node)
        return super().construct_mapping(node, deep)

    def refuse_twice(self, node: yaml.MappingNode) -> None:
        """PyYAML would keep the last of several equal keys and lose the others in silence."""
        known: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in known:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is given twice", key_node.start_mark
                )
            known.add(key)


YamlLoader.yaml_implicit_resolvers = {}
for _kind, _pattern, _first in (
    ("null", "~|null|Null|NULL|None|", ["~", "n", "N", ""]),
    ("bool", "true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    YamlLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), _first
    )
YamlLoader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))


def read_value(text: str) -> Any:
    """What a text says in YAML, of which JSON is a part; itself where it is a plain word."""
    if text in NOTHING:
        return None
    try:
        value = yaml.load(text, YamlLoader)  # noqa: S506 -- a SafeLoader
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    quoted = text[0] in "\"'"
    return text if value is None or (isinstance(value, str) and not quoted) else value


def grid_of(settings: Sequence[str]) -> list[list[str]]:
    """Every way to give each setting one of its values, which commas stand between.

    Args:
        settings: ``"name=value,value"``; a comma in brackets or quotes is part of a value.

    Raises:
        HyperbenchError: none has several values.
    """
    ways = []
    for setting in settings:
        left, equals, values = setting.partition("=")
        ways.append([f"{left}{equals}{value}" for value in _values(values)])
    if all(len(way) == 1 for way in ways):
        raise HyperbenchError(
            "--sweep goes through the values of settings, and no setting has several: give them "
            "as in --set width=64,128."
        )
    return [list(point) for point in itertools.product(*ways)]


def _values(text: str) -> list[str]:
    """The values in a text, as they stand there."""
    try:
        node = yaml.compose(f"[{text}]", YamlLoader)
    except (yaml.YAMLError, RecursionError):
        return [text]
    items = node.value if isinstance(node, yaml.SequenceNode) else ()
    return [text[i.start_mark.index - 1 : i.end_mark.index - 1] for i in items] or [text]


def settings_of(settings: Sequence[str], methods: Sequence[str]) -> dict[str, dict[str, str]]:
    """Per method the settings that are said of it; what names the method goes before what does not.

    Args:
        settings: ``"name=value"`` for every method, or ``"method.name=value"`` for one.
        methods: those that settings are said of.

    Raises:
        HyperbenchError: a setting is of another form, of another method, or said in two ways.
    """
    general: dict[str, str] = {}
    special: dict[str, dict[str, str]] = {name: {} for name in methods}
    for setting in settings:
        left, equals, value = (part.strip() for part in setting.partition("="))
        if not equals or not left:
            raise HyperbenchError(f"--set {setting!r} is not of the form name=value. {_HOW}")
        method, dot, name = left.rpartition(".")
        if dot and method not in special:
            raise UnknownNameError("method in --set", method, special)
        said = special[method] if dot else general
        if said.setdefault(name, value) != value:
            raise HyperbenchError(
                f"--set gives {left!r} twice: {said[name]} and {value}. Leave one of them out."
            )
    return {name: general | said for name, said in special.items()}


def make_config(
    registry: Registry, method: str, said: Mapping[str, str], protocol: EvalProtocol | None = None
) -> MethodConfig:
    """A method's config with some settings as they are written, the others as of the protocol.

    A value is what it says in YAML if that fits the field's type as it is, otherwise the text as it
    stands: ``None`` is no text where a field may have none, and ``off`` is one where it may be.

    Raises:
        HyperbenchError: the method has no such setting, or a value does not fit.
    """
    config_class = registry.method_class(method).Config
    for name in said:
        if name in config_class.model_fields:
            continue
        hint = f"One method's are written {name}.name=value." if name in registry.methods else ""
        raise UnknownNameError(f"setting of {method}", name, config_class.model_fields, hint)
    values: dict[str, Any] = protocol.budget(config_class.model_fields) if protocol else {}
    values |= {name: _fitted(config_class, name, text) for name, text in said.items()}
    try:
        return config_class.model_validate(values, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        how = f" {_HOW}" if first["type"] in _COLLECTIONS else ""
        what = f"Setting {name!r} of {method}: {first['input']!r} does not fit."
        if not name:
            what = f"The settings of {method} do not fit together."
        raise HyperbenchError(f"{what} {first['msg']}.{how}") from error


def changed_settings(config: MethodConfig, protocol: EvalProtocol | None = None) -> dict[str, Any]:
    """The fewest settings, JSON-like, that make a config of a protocol and its class's defaults.

    A function of the config alone: how it came about, spelling and what was said though it is the
    default, leaves no trace.
    """
    whole = config.model_dump_json()
    said = dict(config)
    budget = protocol.budget(said) if protocol else {}
    for name in type(config).model_fields:
        fewer = {other: value for other, value in said.items() if other != name}
        try:
            same = type(config).model_validate(budget | fewer).model_dump_json() == whole
        except ValidationError:  # the setting has no default
            same = False
        if same:
            said = fewer
    dumped = config.model_dump(mode="json")
    return {name: dumped[name] for name in said}


def _fitted(config_class: type[MethodConfig], name: str, text: str) -> Any:
    """The value of a field that a text means; where neither reading fits, what the error names."""
    value = read_value(text)
    try:
        annotation: Any = config_class.model_fields[name].annotation
        adapter = TypeAdapter(annotation)
    except PydanticUserError:  # a type of its own, which its config's validators read
        return text
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except (ValidationError, TypeError, ValueError):
        if not isinstance(value, dict | list):
            return value if isinstance(value, str) else text  # without its quotes
    try:
        adapter.validate_python(text)
    except ValidationError:
        return value
    return text
