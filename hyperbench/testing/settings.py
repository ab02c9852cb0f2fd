"""Other settings of a method, to see what depends on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import ValidationError

from hyperbench.generator import MethodConfig
from hyperbench.search import Choice

Config = TypeVar("Config", bound=MethodConfig)


def other_settings(config: Config) -> Config:
    """Change every setting of a config for which another value is easily found."""
    changed = config
    for name, value in config:
        for other in _others(config, name, value):
            try:
                changed = type(config).model_validate({**dict(changed), name: other})
            except ValidationError:  # another one may fit
                continue
            break
    return changed


def _others(config: MethodConfig, name: str, value: Any) -> Iterator[Any]:
    where = config.SEARCH.get(name)
    if isinstance(where, Choice):
        yield from (option for option in where.options if option != value)
    annotation = type(config).model_fields[name].annotation
    if get_origin(annotation) is Literal:
        yield from (option for option in get_args(annotation) if option != value)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from (2 * value, value + 1, value / 2 if isinstance(value, float) else value - 1)
