"""A benchmark of methods that write policies for unseen tasks from their specs alone."""

from hyperbench.hookspecs import hookimpl, register_family, register_method, register_policy_kind

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl", "register_family", "register_method", "register_policy_kind"]
