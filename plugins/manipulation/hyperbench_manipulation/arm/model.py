"""The arm, the cube and the table as a MuJoCo model."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin, sqrt
from typing import Any

from hyperbench_mujoco import mujoco

from hyperbench_manipulation.arm.links import FINGERS, FLANGE, HAND_TURN, LINKS, TOOL

TIMESTEP = 0.0025
"""Length of a physics step [s]."""
NUM_SUBSTEPS = 20
"""Physics steps per control step: the arm is controlled at 20 Hz, as published."""
OPEN, SHUT = 0.04, -0.01
"""Where the gripper wants each finger to be [m]. Shut lies beyond the fingers' stop, so that even
thin things are pressed."""
BASE_DISTANCE = 0.615
"""From the base of an arm of nominal length to the middle of the workspace [m]."""
CAMERA = "side"

_FORCE_LIMIT = 100.0
_FINGER_STIFFNESS, _FINGER_DAMPING, _FINGER_FORCE = 500.0, 50.0, 15.0
_CUBE_DENSITY = 1000.0
# With MuJoCo's own contacts, which are the softer the lighter a body, fingers sink half way into a
# cube of 8 g, and it slips.
_HARD: dict[str, Any] = {"solref": (0.005, 1), "solimp": (0.99, 0.99, 0.001, 0.5, 2), "condim": 4}
_FRICTION, _PAD_FRICTION = (1.0, 0.005, 0.0001), (2.0, 0.05, 0.0001)
_LIGHT, _DARK, _HAND = (0.93, 0.94, 0.95, 1.0), (0.25, 0.35, 0.5, 1.0), (0.35, 0.4, 0.45, 1.0)
_CUBE, _TABLE, _GOAL = (0.85, 0.45, 0.25, 1.0), (0.82, 0.85, 0.88, 1.0), (0.2, 0.7, 0.3, 0.5)
_SKY = (0.96, 0.97, 0.98)


@dataclass(frozen=True)
class Build:
    """What differs from model to model; the defaults are nominal.

    Args:
        size: half an edge of the cube [m].
        stiffness: of the servos of the arm's joints [N m/rad].
        damping: of the same servos [N m s/rad].
        arm: length of upper arm and forearm over the nominal one. The base moves, so that its
            distance from the workspace grows in the same ratio.
    """

    size: float = 0.02
    stiffness: float = 1000.0
    damping: float = 100.0
    arm: float = 1.0


def build_model(build: Build) -> mujoco.MjModel:
    """Compile a model; takes milliseconds.

    Joints and actuators: those of the arm, the two fingers; then the free joint of the cube. The
    site ``tool`` is the point between the fingertips. Links are drawn but collide with nothing;
    table, cube, hand and fingers collide.
    """
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.option.timestep = TIMESTEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Under pyramidal cones small cubes slip from the fingers.
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    _add_scene(spec, build.arm)
    _add_hand(spec, _add_arm(spec, build))
    _add_cube(spec.worldbody, build.size)
    return spec.compile()


def _add_scene(spec: mujoco.MjSpec, arm: float) -> None:
    world = spec.worldbody
    spec.add_texture(
        name="sky",
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_FLAT,
        rgb1=_SKY,
        rgb2=_SKY,
        width=64,
        height=64,
    )
    world.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=(0, 0, 0.5),
        friction=_FRICTION,
        rgba=_TABLE,
    )
    # Out of sight below the table, unless an environment has a goal to show.
    world.add_site(name="goal", pos=(0, 0, -1), size=(0.02,) * 3, rgba=_GOAL)
    world.add_light(pos=(0.5, -1, 3), dir=(-0.1, 0.3, -1), directional=True)
    # Long arms are looked at from farther away.
    distance = max(1.0, (1 + arm) / 2)
    world.add_body(name="focus", pos=(-0.24 * distance, 0, 0.27 * distance))
    world.add_camera(
        name=CAMERA,
        pos=(0.55 * distance, -1.05 * distance, 0.66 * distance),
        mode=mujoco.mjtCamLight.mjCAMLIGHT_TARGETBODY,
        targetbody="focus",
    )


def _add_arm(spec: mujoco.MjSpec, build: Build) -> mujoco.MjsBody:
    """Add base and links; return the last link."""
    body = spec.worldbody.add_body(name="base", pos=(-BASE_DISTANCE * build.arm, 0, 0))
    _draw(body, mujoco.mjtGeom.mjGEOM_CYLINDER, _DARK, size=(0.08, 0.07, 0), pos=(0, 0, 0.07))
    for number, nominal in enumerate(LINKS, start=1):
        link = nominal.stretched(build.arm)
        half_turn = link.quarter_turns * sqrt(0.5)
        body = body.add_body(
            name=f"link{number}",
            pos=link.position,
            quat=(sqrt(1 - half_turn**2), half_turn, 0, 0),
        )
        _weigh(body, link.mass, link.centre, link.inertia)
        joint = body.add_joint(
            name=f"joint{number}",
            type=mujoco.mjtJoint.mjJNT_HINGE,
            axis=(0, 0, 1),
            range=link.limits,
            armature=0.1,
            damping=1.0,
        )
        _add_servo(spec, joint.name, build.stiffness, build.damping, _FORCE_LIMIT)
        ends = (*link.start, *link.end)
        colour = _LIGHT if link.is_long else _DARK
        shape = mujoco.mjtGeom.mjGEOM_CAPSULE
        _draw(body, shape, colour, size=(link.radius, 0, 0), fromto=ends)
    return body


def _add_hand(spec: mujoco.MjSpec, wrist: mujoco.MjsBody) -> None:
    hand = wrist.add_body(
        name="hand", pos=(0, 0, FLANGE), quat=(cos(HAND_TURN / 2), 0, 0, sin(HAND_TURN / 2))
    )
    _weigh(hand, 0.73, (0, 0, 0.03), (0.001, 0.0025, 0.0017))
    box = mujoco.mjtGeom.mjGEOM_BOX
    hand.add_geom(type=box, size=(0.03, 0.1, 0.03), pos=(0, 0, 0.03), density=0, rgba=_HAND)
    hand.add_site(name="tool", pos=(0, 0, TOOL), size=(0.005,) * 3, rgba=(0, 0, 0, 0))
    for name, side in (("left", 1), ("right", -1)):
        finger = hand.add_body(name=name, pos=(0, 0, FINGERS))
        _weigh(finger, 0.05, (0, side * 0.01, 0.03), (1e-5, 1e-5, 1e-5))
        joint = finger.add_joint(
            name=name,
            type=mujoco.mjtJoint.mjJNT_SLIDE,
            axis=(0, side, 0),
            range=(0, OPEN),
            armature=0.2,
            damping=5.0,
        )
        finger.add_geom(
            type=box,
            size=(0.011, 0.006, 0.016),
            pos=(0, side * 0.006, 0.0344),
            density=0,
            friction=_PAD_FRICTION,
            rgba=_DARK,
            **_HARD,
        )
        _add_servo(spec, joint.name, _FINGER_STIFFNESS, _FINGER_DAMPING, _FINGER_FORCE)
    spec.add_equality(
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1="left",
        name2="right",
        data=(0, 1, *[0] * 9),
        solref=(0.005, 1),
        solimp=(0.95, 0.99, 0.001, 0.5, 2),
    )


def _add_cube(world: mujoco.MjsBody, half_size: float) -> None:
    cube = world.add_body(name="cube", pos=(0, 0, half_size))
    cube.add_freejoint()
    cube.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=(half_size,) * 3,
        density=_CUBE_DENSITY,
        friction=_FRICTION,
        rgba=_CUBE,
        **_HARD,
    )


def _weigh(
    body: mujoco.MjsBody, mass: float, centre: tuple[float, ...], inertia: tuple[float, ...]
) -> None:
    """Give a body its mass, and bear its weight as the Panda's own controller does."""
    body.mass, body.ipos, body.inertia = mass, centre, inertia
    body.explicitinertial = True
    body.gravcomp = 1.0


def _add_servo(
    spec: mujoco.MjSpec, joint: str, stiffness: float, damping: float, force: float
) -> None:
    spec.add_actuator(
        name=joint,
        target=joint,
        trntype=mujoco.mjtTrn.mjTRN_JOINT,
        biastype=mujoco.mjtBias.mjBIAS_AFFINE,
        gainprm=(stiffness, *[0] * 9),
        biasprm=(0, -stiffness, -damping, *[0] * 7),
        forcerange=(-force, force),
    )


def _draw(
    body: mujoco.MjsBody, shape: mujoco.mjtGeom, colour: tuple[float, ...], **where: object
) -> None:
    """Add a shape that is only looked at."""
    body.add_geom(type=shape, rgba=colour, density=0, contype=0, conaffinity=0, **where)
