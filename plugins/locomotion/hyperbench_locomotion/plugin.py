"""What the locomotion package registers; found through the entry-point group ``hyperbench``."""

from __future__ import annotations

from collections.abc import Sequence

from hyperbench.hookspecs import FamilyEntry, SuiteEntry, hookimpl

FAMILIES = (
    FamilyEntry(
        id="locomotion/cheetah-speed-v1",
        target="hyperbench_locomotion.families:LocomotionFamily",
        summary="planar cheetah that runs at least as fast as asked, forwards or backwards",
        arguments={"suite": "locomotion", "body": "cheetah", "features": ("speed",)},
        requires=("mujoco", "dm_control"),
    ),
)


@hookimpl
def hyperbench_families() -> Sequence[FamilyEntry]:
    """Register the families whose experts are shipped."""
    return FAMILIES


@hookimpl
def hyperbench_suites() -> Sequence[SuiteEntry]:
    """Register the suite of the published benchmark."""
    return (
        SuiteEntry(
            name="locomotion",
            families=tuple(entry.id for entry in FAMILIES),
            summary="dm_control bodies with target speeds and body lengths, as published",
        ),
    )
