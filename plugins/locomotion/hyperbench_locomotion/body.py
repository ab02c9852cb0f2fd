"""What the vector environment needs to know about a body."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

import mujoco
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Body(ABC):
    """One dm_control body: its model, what it observes, where it starts, how fast it moves.

    A body is stateless; the vector environment owns the physics states and passes them in.
    """

    name: ClassVar[str]
    """Name of the dm_control domain; its XML file is read from the installed ``dm_control``."""
    num_substeps: ClassVar[int]
    """Physics steps per control step."""
    num_settling_steps: ClassVar[int]
    """Physics steps without control that follow a reset, as dm_control does."""
    observation_size: ClassVar[int]
    nominal_length: ClassVar[float]
    """Length [m] of the published body."""

    @abstractmethod
    def edit(self, xml: ElementTree.Element, length: float) -> None:
        """Change the body's length [m] in its MJCF tree, in place."""

    @abstractmethod
    def initial_qpos(self, model: mujoco.MjModel, rng: np.random.Generator) -> Array:
        """Draw the joint positions (nq,) of one episode's start, before settling."""

    @abstractmethod
    def observe(self, qpos: Array, qvel: Array, sensors: Array) -> Array:
        """(num_envs, nq), (num_envs, nv), (num_envs, nsensordata) -> (num_envs, observation_size)."""

    @abstractmethod
    def speed(self, sensors: Array) -> Array:
        """(num_envs, nsensordata) -> (num_envs,) signed speed [m/s or rad/s]."""

    def model(self, length: float | None = None) -> mujoco.MjModel:
        """Compile the body at ``length`` [m]; None gives dm_control's own, unedited."""
        suite = _suite_folder()
        xml = ElementTree.fromstring((suite / f"{self.name}.xml").read_text())
        if length is not None:
            self.edit(xml, length)
        assets = {
            f"./common/{path.name}": path.read_bytes() for path in (suite / "common").glob("*.xml")
        }
        return mujoco.MjModel.from_xml_string(ElementTree.tostring(xml, encoding="unicode"), assets)


def _suite_folder() -> Path:
    """Find dm_control's XML files without importing dm_control, which would start a renderer."""
    spec = find_spec("dm_control")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("dm_control, which ships the bodies' XML files, is not installed")
    return Path(spec.submodule_search_locations[0]) / "suite"
