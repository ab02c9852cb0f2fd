"""``hyperbench plugins``: what is installed, and what failed to load."""

from __future__ import annotations

import json

from hyperbench.registry import installed
from hyperbench.view.console import print_line, print_listing, standard_output

out = standard_output()


def plugins_command(as_json: bool = False) -> None:
    """Show each plugin and what became of it."""
    found = []
    for plugin in installed().plugins:
        entries = [*plugin.suites, *plugin.families, *plugin.methods]
        entries += [*plugin.policy_kinds, *plugin.protocols, *plugin.executors]
        entries += plugin.listeners
        found.append((plugin, len(entries)))
    disputes = installed().disputes
    if as_json:
        said = [
            {
                "name": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "num_entries": number,
                "failure": plugin.failure or None,
            }
            for plugin, number in found
        ]
        print(json.dumps({"plugins": said, "disputes": list(map(str, disputes))}, indent=1))
        return
    rows = [
        (p.name, f"{p.distribution} {p.version}", p.failure or f"{number} entries")
        for p, number in found
    ]
    print_listing("Plugins", rows, out)
    for dispute in disputes:
        print_line(f"\n{dispute}", out)
