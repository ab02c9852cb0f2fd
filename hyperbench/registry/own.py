"""What hyperbench itself registers, as a plugin does."""

from __future__ import annotations

from hyperbench import __version__
from hyperbench.hookspecs import ExecutorEntry, PolicyKindEntry
from hyperbench.protocol import PROTOCOLS
from hyperbench.registry.plugins import Plugin

RANDOM, EXPERT, DEMONSTRATOR = "random", "expert", "demonstrator"
"""The control arms that define score 0 and score 1; the last where a family has no expert."""
ZERO_ACTION, NEAREST_EXPERT, REUSE_BOUND = "zero-action", "nearest-expert", "reuse-bound"
ARMS = (RANDOM, ZERO_ACTION, NEAREST_EXPERT, REUSE_BOUND, EXPERT)
"""The control arms of a family that has experts; ``arms`` plays them."""
RESERVED = (*ARMS, DEMONSTRATOR)
"""What no method may be called."""

OWN = Plugin(
    "hyperbench",
    "hyperbench-rl",
    __version__,
    policy_kinds=(
        PolicyKindEntry("mlp", "hyperbench.policy:MLPPolicies"),
        PolicyKindEntry("mixture", "hyperbench.mixture:MixturePolicies"),
    ),
    protocols=tuple(PROTOCOLS.values()),
    executors=(
        ExecutorEntry("local", "hyperbench.executors.local:Processes", "Processes of this machine"),
        ExecutorEntry(
            "dask", "hyperbench.executors.dask:Dask", "A Dask cluster", requires=("distributed",)
        ),
        ExecutorEntry(
            "slurm", "hyperbench.executors.slurm:Slurm", "Slurm jobs", requires=("submitit",)
        ),
    ),
    is_own=True,
)
