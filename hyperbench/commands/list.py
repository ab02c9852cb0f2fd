"""``hyperbench list``: everything that has a name."""

from __future__ import annotations

from hyperbench.arms import ARMS
from hyperbench.registry import installed
from hyperbench.view.console import print_listing, standard_output

out = standard_output()


def list_command() -> None:
    """Show everything that has a name."""
    registry = installed()
    suites = [(s.name, f"{len(s.families)} families", s.summary) for s in registry.suites.values()]
    print_listing("Suites", suites, out)
    print_listing("Families", [(f.id, f.summary) for f in registry.families.values()], out)
    methods = [
        (m.name, m.track, "baseline" if m.baseline else "", m.summary)
        for m in registry.methods.values()
    ]
    print_listing("Methods", methods, out)
    print_listing("Control arms, on every board", [(arm,) for arm in ARMS], out)
    print_listing("Protocols", [(p.id, p.summary) for p in registry.protocols.values()], out)
    if any(plugin.failure for plugin in registry.plugins):
        out.print("\nSome plugins could not be loaded; see: hyperbench plugins")
