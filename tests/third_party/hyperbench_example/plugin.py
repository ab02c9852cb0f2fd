"""What this package registers."""

from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry, hookimpl
from hyperbench.protocol import EvalProtocol, SeedPair


@hookimpl
def hyperbench_families():
    """Register the thermostat and the compass."""
    return [
        FamilyEntry(
            id="example/thermostat-v1",
            target="hyperbench_example.thermostat:ThermostatFamily",
            summary="heat a leaky room to a target temperature",
        ),
        FamilyEntry(
            id="example/compass-v1",
            target="hyperbench_example.compass:CompassFamily",
            summary="a point goes in a direction, its wires crossed or not",
        ),
    ]


@hookimpl
def hyperbench_suites():
    """Register a suite of both families."""
    return [
        SuiteEntry(
            name="example",
            families=["example/thermostat-v1", "example/compass-v1"],
            summary="a room to heat, a point to steer",
        )
    ]


@hookimpl
def hyperbench_methods():
    """Register ridge regression."""
    return [
        MethodEntry(
            name="example-ridge",
            target="hyperbench_example.ridge:Ridge",
            summary="linear policies by ridge regression on observation and spec",
            except_for=["check_seed_matters"],  # it is solved, not learned
        )
    ]


@hookimpl
def hyperbench_protocols():
    """Register a protocol of many source tasks."""
    return [
        EvalProtocol(
            id="example-plenty-v1",
            summary="half of the tasks are source, two seed pairs",
            source_fraction=0.5,
            seeds=(SeedPair(split=0, fit=0), SeedPair(split=1, fit=1)),
        )
    ]
