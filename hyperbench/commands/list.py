"""``hyperbench list``: everything that has a name."""

from __future__ import annotations

import json

from hyperbench.registry import installed
from hyperbench.registry.own import ARMS
from hyperbench.view.console import print_listing, standard_output

out = standard_output()


def list_command(as_json: bool = False) -> None:
    """Show everything that has a name."""
    registry = installed()
    if as_json:
        said = {
            "suites": [
                {"name": name, "families": list(s.families), "summary": s.summary}
                for name, s in registry.suites.items()
            ],
            "families": [
                {"name": id_, "summary": f.summary} for id_, f in registry.families.items()
            ],
            "methods": [
                {
                    "name": name,
                    "version": m.version,
                    "track": m.track,
                    "baseline": m.baseline,
                    "summary": m.summary,
                }
                for name, m in registry.methods.items()
            ],
            "arms": list(ARMS),
            "protocols": [
                {"name": id_, "track": p.track, "summary": p.summary}
                for id_, p in registry.protocols.items()
            ],
            "executors": [
                {"name": name, "summary": e.summary} for name, e in registry.executors.items()
            ],
            "listeners": [
                {"name": name, "summary": e.summary} for name, e in registry.listeners.items()
            ],
        }
        print(json.dumps(said, indent=1))
        return
    suites = [
        (name, f"{len(s.families)} families", s.summary) for name, s in registry.suites.items()
    ]
    print_listing("Suites", suites, out)
    print_listing("Families", [(id_, f.summary) for id_, f in registry.families.items()], out)
    methods = [
        (name, m.track, "baseline" if m.baseline else "", m.summary)
        for name, m in registry.methods.items()
    ]
    print_listing("Methods", methods, out)
    print_listing("Control arms, on every board", [(arm,) for arm in ARMS], out)
    print_listing("Protocols", [(id_, p.summary) for id_, p in registry.protocols.items()], out)
    print_listing("Executors", [(name, e.summary) for name, e in registry.executors.items()], out)
    if registry.listeners:
        shown = [(name, e.summary) for name, e in registry.listeners.items()]
        print_listing("Listeners", shown, out)
    if any(plugin.failure for plugin in registry.plugins):
        out.print("\nSome plugins could not be loaded; see: hyperbench plugins")
