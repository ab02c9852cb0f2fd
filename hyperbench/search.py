"""Where a method's hyper-parameters are searched for: declared by its config, used by ``tune``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Setting = bool | int | float | str
"""A value that a hyper-parameter can take and JSON can keep."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; whole ones where both bounds are whole.

    Args:
        low: smallest value.
        high: largest value.
        log: whether to search by orders of magnitude; ``low`` must then be positive.
    """

    low: int | float
    high: int | float
    log: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(f"{self} is no range")

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int | float) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}{', by magnitude' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """One of some values, in no order.

    Args:
        options: at least two.
    """

    options: tuple[Setting, ...]

    def __post_init__(self) -> None:
        if len(self.options) < 2:
            raise ValueError(f"{self} leaves nothing to choose")

    def __contains__(self, value: object) -> bool:
        return value in self.options

    def __str__(self) -> str:
        return ", ".join(map(str, self.options))


SearchSpace = Mapping[str, Range | Choice]
"""Per field of a config where to search; the fields not named stay as they are."""
