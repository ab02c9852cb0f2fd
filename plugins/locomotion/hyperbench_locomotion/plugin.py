"""What the locomotion package registers; found through the entry-point group ``hyperbench``."""

from __future__ import annotations

from collections.abc import Sequence

from hyperbench.hookspecs import FamilyEntry, SuiteEntry, hookimpl

_BODIES = {
    "cheetah": "planar cheetah that runs",
    "walker": "planar walker that stays upright and runs",
    "finger": "finger that spins a body",
}
_SUITES = {
    "locomotion": "dm_control bodies with target speeds and body lengths, as published",
    "tracking": "the same bodies, rewarded for neither more nor less than the target speed",
}
_MANNERS = {"locomotion": "at least as fast as asked", "tracking": "just as fast as asked"}
_VARIANTS = {
    ("speed",): "{manner}, in either direction",
    ("length",): "at 1 {unit} or more, whatever its length",
    ("speed", "length"): "{manner}, in either direction, whatever its length",
}


def _entry(suite: str, body: str, features: tuple[str, ...]) -> FamilyEntry:
    unit = "rad/s" if body == "finger" else "m/s"
    manner = _VARIANTS[features].format(manner=_MANNERS[suite], unit=unit)
    return FamilyEntry(
        id=f"{suite}/{body}-{'-'.join(features)}-v1",
        target="hyperbench_locomotion.families:LocomotionFamily",
        summary=f"{_BODIES[body]} {manner}",
        arguments={"suite": suite, "body": body, "features": features},
        requires=("mujoco", "hyperbench_mujoco"),
    )


FAMILIES = tuple(
    _entry(suite, body, features)
    for suite in _SUITES
    for features in _VARIANTS
    # Under a fixed target both suites would ask for nearly the same.
    if not (suite == "tracking" and features == ("length",))
    for body in _BODIES
)


INDEPENDENT = tuple(
    FamilyEntry(
        id=f"independent/{body}-speed-v1",
        target="hyperbench_locomotion.independent:IndependentFamily",
        summary=f"{_BODIES[body]}, each speed demonstrated by a training of its own",
        arguments={"body": body},
        requires=("mujoco", "hyperbench_mujoco"),
    )
    for body in ("cheetah", "walker", "finger")
)

INVERSION = FamilyEntry(
    id="inversion/cheetah-actuators-v1",
    target="hyperbench_locomotion.inversion:CheetahActuators",
    summary="planar cheetah of any length whose motors are inverted, stronger or both",
    requires=("mujoco", "hyperbench_mujoco"),
)
"""A family of a suite that another package registers."""


@hookimpl
def hyperbench_families() -> Sequence[FamilyEntry]:
    """Register the families of three suites, and one of `inversion`."""
    return (*FAMILIES, *INDEPENDENT, INVERSION)


@hookimpl
def hyperbench_suites() -> Sequence[SuiteEntry]:
    """Register the three suites."""
    suites = (
        SuiteEntry(
            name=suite,
            families=tuple(entry.id for entry in FAMILIES if entry.arguments["suite"] == suite),
            summary=summary,
        )
        for suite, summary in _SUITES.items()
    )
    independent = SuiteEntry(
        name="independent",
        families=tuple(entry.id for entry in INDEPENDENT),
        summary="bodies and reward of locomotion, each task demonstrated by a training of its own",
    )
    return (*suites, independent)
