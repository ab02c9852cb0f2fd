"""Writing MuJoCo models: elements from plain numbers, and the stage every body stands on."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

Element = ElementTree.Element
Value = str | float | Iterable[float]

_BODY = "bodies"
_PIN = "pins"
_FLOOR = "floor"
_BODY_COLOUR = (0.85, 0.45, 0.25, 1.0)
_PIN_COLOUR = (0.25, 0.35, 0.5, 1.0)
_FLOOR_COLOURS = ((0.87, 0.89, 0.91), (0.78, 0.81, 0.84))
_SKY_COLOUR = (0.96, 0.97, 0.98)


def add(parent: Element, tag: str, **attributes: Value) -> Element:
    """Append ``<tag>`` to ``parent``; numbers are written so that MuJoCo reads the same doubles."""
    written = {name: _written(value) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, written)


def stage(name: str, timestep: float, **options: Value) -> tuple[Element, Element]:
    """Start a model: physics options, colours and light.

    Args:
        name: of the model.
        timestep: of the physics [s].
        options: further attributes of MJCF's ``<option>``.

    Returns:
        The root of the model and its ``<worldbody>``.
    """
    root = ElementTree.Element("mujoco", model=name)
    add(root, "option", timestep=timestep, **options)
    visual = add(root, "visual")
    add(visual, "headlight", ambient=(0.4,) * 3, diffuse=(0.5,) * 3, specular=(0.0,) * 3)
    add(visual, "map", znear=0.01)
    assets = add(root, "asset")
    size = {"width": 256, "height": 256}
    first, second = _FLOOR_COLOURS
    add(assets, "texture", name="sky", type="skybox", builtin="flat", rgb1=_SKY_COLOUR, **size)
    add(
        assets,
        "texture",
        name=_FLOOR,
        type="2d",
        builtin="checker",
        rgb1=first,
        rgb2=second,
        **size,
    )
    add(assets, "material", name=_FLOOR, texture=_FLOOR, texrepeat=(1, 1), texuniform="true")
    add(assets, "material", name=_BODY, rgba=_BODY_COLOUR)
    add(assets, "material", name=_PIN, rgba=_PIN_COLOUR)
    world = add(root, "worldbody")
    add(world, "light", directional="true", pos=(0, -2, 4), dir=(0, 0.5, -1), diffuse=(0.5,) * 3)
    return root, world


def add_floor(world: Element, **attributes: Value) -> None:
    """Add the ground, endless along x: bodies run far, in either direction.

    For contacts a plane of MuJoCo has no edge anyway; its size matters to the eye alone.
    """
    size = (0, 2, 0.5)
    add(world, "geom", name="floor", type="plane", size=size, material=_FLOOR, **attributes)


def add_capsule(body: Element, **attributes: Value) -> None:
    """Add a capsule to a body."""
    add(body, "geom", type="capsule", material=_BODY, **attributes)


def add_cylinder(body: Element, **attributes: Value) -> None:
    """Add a cylinder, a pin on which something turns, to a body."""
    add(body, "geom", type="cylinder", material=_PIN, **attributes)


def add_camera(parent: Element, name: str, position: Iterable[float], **attributes: Value) -> None:
    """Add a camera that looks along +y, with +z up.

    Args:
        parent: the body that the camera keeps in view, or the world.
        name: of the camera.
        position: (x, y, z) relative to ``parent`` [m].
        attributes: further attributes of MJCF's ``<camera>``.
    """
    add(parent, "camera", name=name, pos=position, xyaxes=(1, 0, 0, 0, 0, 1), **attributes)


def _written(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Iterable):
        return " ".join(_written(number) for number in value)
    # ``repr`` of a float is the shortest text that is read back as the same float.
    return repr(value if isinstance(value, int) else float(value))
