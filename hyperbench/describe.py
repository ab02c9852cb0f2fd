"""What the commands that describe do; none of them imports pandas."""

from __future__ import annotations

from rich.markup import escape

from hyperbench.console import print_listing, standard_output
from hyperbench.protocol import PROTOCOLS
from hyperbench.references import ARMS
from hyperbench.registry import Registry, installed

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
    print_listing("Protocols", [(p.id, p.summary) for p in PROTOCOLS.values()], out)
    if any(plugin.failure for plugin in registry.plugins):
        out.print("\nSome plugins could not be loaded; see: hyperbench plugins")


def info_command(name: str) -> None:
    """Describe whatever is called ``name``."""
    registry = installed()
    if name in PROTOCOLS:
        fields = type(PROTOCOLS[name]).model_fields
        rows = [
            (field, str(getattr(PROTOCOLS[name], field)), fields[field].description or "")
            for field in fields
            if field != "seeds"
        ]
        seeds = ", ".join(f"({pair.split}, {pair.fit})" for pair in PROTOCOLS[name].seeds)
        print_listing(f"Protocol {name}", [*rows, ("seeds", seeds, "Split and fit seeds.")], out)
    elif name in registry.methods:
        entry = registry.methods[name]
        config = registry.method_class(name).Config
        about = escape(f"version {entry.version}, {entry.track}: {entry.summary}")
        out.print(f"\n[bold]Method {name}[/], {about}")
        out.print(entry.paper, highlight=False, markup=False)
        rows = [
            (setting, str(field.get_default()), " ".join((field.description or "").split()))
            for setting, field in config.model_fields.items()
        ]
        print_listing("Settings, for --set", rows, out)
        if config.SEARCH:
            space = [(setting, str(where)) for setting, where in config.SEARCH.items()]
            print_listing("Where tune searches", space, out)
    else:
        for entry_ in registry.select_families(name):
            _describe_family(registry, entry_.id)


def plugins_command() -> None:
    """Show each plugin and what became of it."""
    rows = []
    for plugin in installed().plugins:
        entries = [*plugin.suites, *plugin.families, *plugin.methods]
        state = plugin.failure or f"{len(entries)} entries"
        rows.append((plugin.name, f"{plugin.distribution} {plugin.version}", state))
    print_listing("Plugins", rows, out)


def _describe_family(registry: Registry, id_: str) -> None:
    family = registry.make_family(id_)
    info = family.info
    print_listing(
        f"Family {id_}: {info.summary}",
        [
            ("tasks", str(len(family.tasks))),
            ("horizon", f"{info.horizon} control steps"),
            ("observation", f"{family.observation_space.shape[0]} numbers"),
            ("action", f"{family.action_space.shape[0]} numbers"),
            ("headline", "success rate" if info.has_success else "return"),
            ("physics", info.physics),
            ("experts", info.expert_version),
            ("licence", info.licence),
            ("cite", info.citation),
        ],
        out,
    )
    rows = []
    for i, feature in enumerate(family.spec_space.features):
        values = sorted({task.values[i] for task in family.tasks})
        grid = f"{len(values)} values from {values[0]:g} to {values[-1]:g}"
        rows.append((feature.name, f"{grid} {feature.unit}".strip(), f"changes the {feature.kind}"))
    print_listing("Features", rows, out)
