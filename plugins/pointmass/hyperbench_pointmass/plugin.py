"""What this package registers; every command imports this module, so it imports nothing heavy."""

from hyperbench.hookspecs import FamilyEntry, SuiteEntry, hookimpl


@hookimpl
def hyperbench_families() -> list[FamilyEntry]:
    """Register the families; their modules are imported when somebody uses them."""
    return [
        FamilyEntry(
            id="pointmass/goal-drag-v1",
            target="hyperbench_pointmass.family:GoalDrag",
            summary="a 2-D point mass finds a goal it cannot see, against a drag it cannot feel",
        ),
        FamilyEntry(
            id="inversion/point-frame-v2",
            target="hyperbench_pointmass.frame:Frame",
            summary="a 2-D point mass whose forces are turned, and perhaps mirrored",
        ),
    ]


@hookimpl
def hyperbench_suites() -> list[SuiteEntry]:
    """Register the suites ``pointmass`` and ``inversion``, to which locomotion adds a family."""
    return [
        SuiteEntry(
            name="pointmass",
            families=["pointmass/goal-drag-v1"],
            summary="one numpy family that runs in seconds: tutorial, tests, first try",
        ),
        SuiteEntry(
            name="inversion",
            families=["inversion/point-frame-v2", "inversion/cheetah-actuators-v1"],
            summary="what an action does is turned around: no bias makes up for it",
        ),
    ]
