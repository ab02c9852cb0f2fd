"""What the manipulation package registers; found through the entry-point group ``hyperbench``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hyperbench.hookspecs import FamilyEntry, SuiteEntry, hookimpl
from hyperbench_manipulation.arm.names import ARM_FAMILIES, arm_summary
from hyperbench_manipulation.sawyer.names import FRAME_FAMILIES, GOAL_FAMILIES, sawyer_summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hyperbench.protocol import EvalProtocol


def _entries(
    names: Sequence[str], target: str, summary: Callable[[str], str], requires: Sequence[str]
) -> tuple[FamilyEntry, ...]:
    return tuple(
        FamilyEntry(
            id=f"manipulation/{name}-v1",
            target=f"hyperbench_manipulation.{target}",
            summary=summary(name),
            arguments={"name": name},
            requires=requires,
        )
        for name in names
    )


_ARM = ("mujoco", "hyperbench_mujoco")
_METAWORLD = ("metaworld", "packaging", "hyperbench_mujoco")
FAMILIES = (
    *_entries(GOAL_FAMILIES, "sawyer.families:GoalFamily", sawyer_summary, _METAWORLD),
    *_entries(FRAME_FAMILIES, "sawyer.families:FrameFamily", sawyer_summary, _METAWORLD),
    *_entries(ARM_FAMILIES, "arm.family:ArmFamily", arm_summary, _ARM),
)


@hookimpl
def hyperbench_families() -> Sequence[FamilyEntry]:
    """Register nine families of goals, four of frames and eight of the arm."""
    return FAMILIES


@hookimpl
def hyperbench_suites() -> Sequence[SuiteEntry]:
    """Register the suite."""
    return (
        SuiteEntry(
            name="manipulation",
            families=tuple(entry.id for entry in FAMILIES),
            summary="Meta-World with hidden layouts or turned frames; a cube on a Panda-like arm",
        ),
    )


@hookimpl
def hyperbench_protocols() -> Sequence[EvalProtocol]:
    """Register four protocols that differ in the number of source tasks, and one of one fit."""
    from hyperbench_manipulation.protocols import ONE_FIT, SCARCE  # pydantic takes its time

    return (*SCARCE, ONE_FIT)
