"""Protocols of manipulation: with few source tasks, and with a single fit."""

from __future__ import annotations

from hyperbench.protocol import STANDARD, EvalProtocol, SeedPair

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

ONE_FIT = STANDARD.model_copy(
    update={
        "id": "one-fit-v1",
        "summary": "standard-v1's first seed pair alone: for families too dear for five",
        "seeds": STANDARD.seeds[:1],
        "split_label": STANDARD.id,
    }
)
"""For families whose simulation is too dear for five fits, such as the cube's."""
