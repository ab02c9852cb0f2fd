"""Features: the named values of which task specs are made, and how they lie to each other."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from hyperbench.errors import SpecError, UnknownNameError

FeatureKind = Literal["reward", "dynamics", "goal", "object"]
Domain = Literal["interval", "circle", "categories"]

_NUM_DECIMALS = 9
"""Feature values are rounded to this, so that 0.1 + 0.2 and 0.3 are one task."""
_CATEGORY = re.compile(r"[^\s,=]+")
"""What a category may be called, so that labels such as ``colour=red, size=2`` can be read back."""


def digits_apart(values: Iterable[float], least: int) -> int:
    """The least number of significant digits, from ``least`` on, in which no two look alike."""
    distinct = set(values)
    enough = range(least, sys.float_info.dig + 3)
    return next(n for n in enough if len({f"{value:.{n}g}" for value in distinct}) == len(distinct))


def _rounded(value: float) -> float:
    # "+ 0.0" turns -0.0 into 0.0, which would hash differently.
    return round(float(value), _NUM_DECIMALS) + 0.0


@dataclass(frozen=True)
class Feature:
    """One named value of a task.

    Its domain says what methods are shown of it and how far two tasks are apart in it:

    - ``interval``: a number from ``low`` to ``high``, shown scaled to [-1, 1]. The distance is the
      difference of what is shown: 2 from end to end.
    - ``circle``: an angle, of which a full turn leads from ``low`` to ``high``, the same point.
      Shown as cosine and sine. The distance is the shorter arc, scaled so that the opposite point,
      the farthest there is, is as far as the other end of an interval: 2.
    - ``categories``: one of several names, stored as its position among them. Shown one-hot. The
      distance between any two is 1, half an interval, however many there are.

    Args:
        name: as shown to people, e.g. ``"speed"``.
        low: smallest value, in ``unit``; 0 for categories.
        high: largest value, in ``unit``; on a circle where ``low`` comes again; for categories the
            position of the last one.
        unit: e.g. ``"m/s"``; empty for a pure number.
        kind: what it changes: the ``reward``, the ``dynamics``, the ``goal`` or an ``object``.
        domain: how its values lie to each other.
        categories: their names, of the domain ``categories`` only; see ``of_categories``.

    Raises:
        SpecError: the range is empty, the kind or domain unknown, or categories make no sense.
    """

    name: str
    low: float
    high: float
    unit: str
    kind: FeatureKind
    domain: Domain = "interval"
    categories: tuple[str, ...] = ()

    @classmethod
    def of_categories(cls, name: str, categories: Sequence[str], kind: FeatureKind) -> Feature:
        """Make one of named categories: ``of_categories("colour", ["red", "blue"], "object")``."""
        return cls(name, 0, len(categories) - 1, "", kind, "categories", tuple(categories))

    def __post_init__(self) -> None:
        object.__setattr__(self, "categories", tuple(self.categories))
        for what, allowed in (("kind", FeatureKind), ("domain", Domain)):
            if getattr(self, what) not in get_args(allowed):
                raise SpecError(
                    f"Feature {self.name!r}: {what} {getattr(self, what)!r} is not one of "
                    f"{get_args(allowed)}."
                )
        if self.domain == "categories":
            self._check_categories()
        elif self.categories:
            raise SpecError(f"Feature {self.name!r}: the domain {self.domain!r} has no categories.")
        elif not self.low < self.high:
            raise SpecError(
                f"Feature {self.name!r}: low {self.low:g} is not below high {self.high:g}."
            )

    def _check_categories(self) -> None:
        names = self.categories
        wrong = [name for name in names if not _CATEGORY.fullmatch(name)]
        if wrong or len(names) < 2 or len(set(names)) < len(names):
            raise SpecError(
                f"Feature {self.name!r}: its categories must be two names or more, each once, "
                f"without blanks, commas and equals signs, found {list(names)}."
            )
        if (self.low, self.high, self.unit) != (0, len(names) - 1, ""):
            raise SpecError(
                f"Feature {self.name!r}: categories are numbered from low 0 to high "
                f"{len(names) - 1} and have no unit. Use Feature.of_categories."
            )

    @property
    def shown_names(self) -> tuple[str, ...]:
        """What each number is that methods are shown: ``("cos(angle)", "sin(angle)")``."""
        match self.domain:
            case "circle":
                return f"cos({self.name})", f"sin({self.name})"
            case "categories":
                return tuple(f"{self.name}={category}" for category in self.categories)
        return (self.name,)

    def present(self, value: float) -> tuple[float, ...]:
        """What methods are shown of a value, one number per entry of ``shown_names``."""
        match self.domain:
            case "circle":
                # From 0, not from low: of an angle in degrees it is the cosine that people know.
                angle = 2.0 * math.pi * value / (self.high - self.low)
                return math.cos(angle), math.sin(angle)
            case "categories":
                return tuple(float(value == i) for i in range(len(self.categories)))
        return (2.0 * (value - self.low) / (self.high - self.low) - 1.0,)

    def nearest(self, shown: Sequence[float]) -> float:
        """The value that is presented as the nearest there is to some numbers.

        Args:
            shown: one per entry of ``shown_names``; those that ``present`` gives lead back.
        """
        match self.domain:
            case "circle":
                return math.atan2(shown[1], shown[0]) / (2.0 * math.pi) * (self.high - self.low)
            case "categories":
                return float(shown.index(max(shown)))
        share = (shown[0] + 1.0) / 2.0
        return self.low + min(max(share, 0.0), 1.0) * (self.high - self.low)

    @property
    def middle(self) -> float:
        """The middle of the range; of an even number of categories the one before it."""
        middle = (self.low + self.high) / 2.0
        return float(math.floor(middle)) if self.domain == "categories" else middle

    def distance(self, one: float, other: float) -> float:
        """How far two values are apart, in the scale of the domain: at most 2."""
        if self.domain == "categories":
            return float(one != other)
        share = abs(one - other) / (self.high - self.low)
        if self.domain == "circle":
            share %= 1.0
            share = 2.0 * min(share, 1.0 - share)
        return 2.0 * share

    def text(self, value: float, num_digits: int = 6) -> str:
        """A value for people: a category's name, or a number of so many significant digits."""
        content = self.content(value)
        return content if isinstance(content, str) else f"{content:.{num_digits}g}"

    def content(self, value: float) -> float | str:
        """What of a value is hashed: a category's name, so that others may be added before it."""
        return self.categories[int(value)] if self.domain == "categories" else value

    def parse(self, text: str) -> float:
        """Read a value as ``text`` writes it.

        Raises:
            UnknownNameError: no category is called so.
            SpecError: it is no number.
        """
        if self.domain == "categories":
            if text not in self.categories:
                raise UnknownNameError(f"category of {self.name!r}", text, self.categories)
            return float(self.categories.index(text))
        try:
            return float(text)
        except ValueError:
            raise SpecError(f"{self.name} is {text!r}, which is no number.") from None

    def stored(self, value: float) -> float:
        """The value as a task keeps it: rounded, and on a circle turned into [low, high).

        Raises:
            SpecError: it is not finite, lies outside the range or is no category's position.
        """
        found = _rounded(value)
        # Rounded like the value, or 2/3 would lie outside of [0, 2/3].
        low, high = _rounded(self.low), _rounded(self.high)
        if self.domain == "circle" and math.isfinite(found):
            if not low <= found <= high:
                found = _rounded(self.low + (value - self.low) % (self.high - self.low))
            return found if low <= found < high else low
        if self.domain == "categories" and found not in range(len(self.categories)):
            known = ", ".join(f"{name} ({i})" for i, name in enumerate(self.categories))
            raise SpecError(f"feature {self.name!r} is {found:g}, no category's: {known}.")
        if not low <= found <= high:
            unit = f" {self.unit}" if self.unit else ""
            raise SpecError(
                f"feature {self.name!r} is {found:g}{unit}, outside [{self.low:g}, {self.high:g}]."
            )
        return found
