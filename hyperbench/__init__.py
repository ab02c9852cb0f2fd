"""hyperbench: how well does a method write a policy for a task it has never seen, from its spec alone?"""

from hyperbench.hookspecs import hookimpl

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl"]
