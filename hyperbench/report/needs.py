"""The packages that a report needs beyond hyperbench's own."""

from __future__ import annotations

from importlib import util

from hyperbench.errors import HyperbenchError
from hyperbench.registry.clone import how_to_add


def require(*packages: str, what: str = "A report", extra: str = "report") -> None:
    """Find out before anything is done whether a report can be made.

    Args:
        packages: that it needs, as they are imported.
        what: needs them.
        extra: of hyperbench, that brings them.

    Raises:
        HyperbenchError: a package is not installed.
    """
    for package in packages:
        if util.find_spec(package) is None:
            raise HyperbenchError(
                f"{what} needs the package {package!r}, which is not installed. "
                + how_to_add(package, extra)
            )
