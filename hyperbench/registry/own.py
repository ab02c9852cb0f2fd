"""What hyperbench itself registers, as a plugin does."""

from __future__ import annotations

from hyperbench import __version__
from hyperbench.hookspecs import ExecutorEntry, PolicyKindEntry
from hyperbench.protocol import PROTOCOLS
from hyperbench.registry.plugins import Plugin

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
