"""What this package registers."""

from hyperbench.hookspecs import (
    ExecutorEntry,
    FamilyEntry,
    MethodEntry,
    PolicyKindEntry,
    SuiteEntry,
    hookimpl,
)
from hyperbench.protocol import EvalProtocol, SeedPair

FAMILIES = {"slowly-shown": "SlowlyShown", "only-shown": "OnlyShown"}


@hookimpl
def hyperbench_families():
    """Register two families of rooms."""
    return [
        FamilyEntry(f"seams/{name}-v1", f"hyperbench_seams.rooms:{target}", "a room to heat")
        for name, target in FAMILIES.items()
    ]


@hookimpl
def hyperbench_suites():
    """Register a suite of both."""
    return [SuiteEntry("seams", [f"seams/{name}-v1" for name in FAMILIES], "rooms to heat")]


@hookimpl
def hyperbench_methods():
    """Register methods whose policies are no multilayer perceptrons."""
    return [
        MethodEntry("seams-filtered", "hyperbench_seams.recurrent:Filtered", "with a memory"),
        MethodEntry("seams-unstored", "hyperbench_seams.recurrent:Unstored", "cannot be stored"),
    ]


@hookimpl
def hyperbench_policy_kinds():
    """Register policies with a memory."""
    return [PolicyKindEntry("seams-filtered", "hyperbench_seams.recurrent:FilteredPolicies")]


@hookimpl
def hyperbench_protocols():
    """Register a protocol of one seed pair."""
    return [
        EvalProtocol(
            id="seams-once-v1",
            summary="one seed pair, two episodes",
            source_fraction=0.5,
            num_demonstrations=2,
            num_episodes=2,
            seeds=(SeedPair(split=0, fit=0),),
        )
    ]


@hookimpl
def hyperbench_executors():
    """Register an executor."""
    return [ExecutorEntry("backwards", "hyperbench_seams.backwards:Backwards", "threads")]
