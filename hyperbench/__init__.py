"""A benchmark of methods that write policies for unseen tasks from their specs alone."""

from importlib import import_module
from typing import Any

from hyperbench.hookspecs import hookimpl, register_family, register_method, register_policy_kind

__version__ = "0.1.0"
__all__ = [
    "GymnasiumFamily",
    "Listener",
    "Results",
    "__version__",
    "bench",
    "hookimpl",
    "judge",
    "load_demonstrations",
    "load_family",
    "load_results",
    "make_split",
    "register_family",
    "register_method",
    "register_policy_kind",
]

_LATER = {
    "GymnasiumFamily": "hyperbench.adapters",
    "Listener": "hyperbench.view.listener",
    "Results": "hyperbench.api.results",
    "bench": "hyperbench.api.measure",
    "judge": "hyperbench.api.judging",
    "load_demonstrations": "hyperbench.api.reading",
    "load_family": "hyperbench.api.reading",
    "load_results": "hyperbench.api.results",
    "make_split": "hyperbench.api.reading",
}
"""Where names are that are imported when they are asked for: completion loads no Gymnasium."""


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
