"""What this package registers; every command imports this module, so it imports nothing heavy."""

from hyperbench.hookspecs import FamilyEntry, SuiteEntry, hookimpl


@hookimpl
def hyperbench_families() -> list[FamilyEntry]:
    """Register the family; its module is imported when somebody uses it."""
    return [
        FamilyEntry(
            id="pointmass/goal-drag-v1",
            target="hyperbench_pointmass.family:GoalDrag",
            summary="a 2-D point mass finds a goal it cannot see, against a drag it cannot feel",
        )
    ]


@hookimpl
def hyperbench_suites() -> list[SuiteEntry]:
    """Register the suite ``--suite pointmass``."""
    return [
        SuiteEntry(
            name="pointmass",
            families=["pointmass/goal-drag-v1"],
            summary="one numpy family that runs in seconds: tutorial, tests, first try",
        )
    ]
