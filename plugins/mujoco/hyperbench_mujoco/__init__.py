"""What worlds on MuJoCo share; a library, which registers nothing.

Worlds take MuJoCo from here, by ``from hyperbench_mujoco import mujoco``. Importing it loads what
draws, as ``MUJOCO_GL`` says, and fails with that, though most of what worlds do draws nothing.
"""

from __future__ import annotations

import os

why_not_drawn: Exception | None = None
"""What MuJoCo raised when it was imported as ``MUJOCO_GL`` says; None if it can be."""

try:
    import mujoco
except Exception as error:  # OpenGL's libraries raise anything where they are missing
    _said = os.environ.get("MUJOCO_GL")
    if not _said:
        raise
    why_not_drawn = error
    os.environ["MUJOCO_GL"] = "disable"
    try:
        import mujoco
    finally:
        os.environ["MUJOCO_GL"] = _said

__all__ = ["mujoco", "why_not_drawn"]
