"""``hyperbench plugins``: what is installed, and what failed to load."""

from __future__ import annotations

from hyperbench.registry import installed
from hyperbench.view.console import print_line, print_listing, standard_output

out = standard_output()


def plugins_command() -> None:
    """Show each plugin and what became of it."""
    rows = []
    for plugin in installed().plugins:
        entries = [*plugin.suites, *plugin.families, *plugin.methods]
        entries += [*plugin.policy_kinds, *plugin.protocols]
        state = plugin.failure or f"{len(entries)} entries"
        rows.append((plugin.name, f"{plugin.distribution} {plugin.version}", state))
    print_listing("Plugins", rows, out)
    for dispute in installed().disputes:
        print_line(f"\n{dispute}", out)
