"""The protocols with few source tasks, which ask how much a method needs to have seen."""

from __future__ import annotations

from hyperbench.protocol import EvalProtocol, SeedPair

NUM_SOURCES = (5, 10, 15, 30)
_NUM_TARGET = 15

SCARCE = tuple(
    EvalProtocol(
        id=f"scarce-{num_source}-v1",
        summary=f"{num_source} source tasks of 50; targets, and smaller sources, as in the others",
        num_source=num_source,
        num_target=_NUM_TARGET,
        split_label="scarce-v1",
        seeds=tuple(SeedPair(split=i, fit=i) for i in range(5)),
    )
    for num_source in NUM_SOURCES
)
"""For families of 50 tasks: whatever the source, 5 are for validation and the same 15 judged."""
