"""A benchmark of methods that write policies for unseen tasks from their specs alone."""

from hyperbench.hookspecs import hookimpl

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl"]
