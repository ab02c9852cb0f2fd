"""Videos: one episode as ``rollout`` plays it, with a camera on the environment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from hyperbench.errors import DataError, HyperbenchError
from hyperbench.family import TaskFamily
from hyperbench.policy import PolicyBatch
from hyperbench.registry.clone import how_to_add
from hyperbench.rollout import EpisodeProgress, EpisodeTable, rollout
from hyperbench.task import TaskSpec
from hyperbench.threads import single_threaded

Picture = npt.NDArray[np.uint8]
Show = Callable[[Picture], None]

MOST_FPS = 50
"""Pictures a second: more a GIF cannot show, and in an MP4 the eye gains little by them."""
_GIF_FILTER = (
    # 256 colours chosen anew for each picture: one palette for all would need the whole film first.
    "[0:v]split[picture][same];[same]palettegen=stats_mode=single[palette];"
    "[picture][palette]paletteuse=dither=none:new=1"
)
_ENCODINGS: dict[str, dict[str, Any]] = {
    ".mp4": {"macro_block_size": 2},
    ".gif": {
        "codec": "gif",
        "pix_fmt_out": "pal8",
        "macro_block_size": 1,
        "output_params": ["-filter_complex", _GIF_FILTER],
    },
}


@dataclass(frozen=True)
class Film:
    """What was filmed.

    Args:
        table: the one episode, as ``rollout`` measured it.
        num_pictures: how many pictures the file holds.
        fps: pictures per second, such that time passes as in the simulation.
    """

    table: EpisodeTable
    num_pictures: int
    fps: int


def check_output(output: Path) -> None:
    """Refuse a file that is no film, and a machine that cannot make one.

    Raises:
        HyperbenchError: the ending is unknown, or ``imageio-ffmpeg`` is not installed.
    """
    if output.suffix not in _ENCODINGS:
        raise HyperbenchError(f"{output}: a film's name ends in {' or '.join(_ENCODINGS)}.")
    try:
        import imageio_ffmpeg  # noqa: F401 -- to know now whether it is there
    except ImportError as error:
        raise HyperbenchError(
            "Films need the package 'imageio-ffmpeg', which is not installed. "
            + how_to_add("imageio-ffmpeg", "video")
        ) from error


def film(
    family: TaskFamily,
    task: TaskSpec,
    policies: PolicyBatch,
    seed: int,
    output: Path,
    *,
    num_steps: int | None = None,
    fps: int | None = None,
    progress: EpisodeProgress | None = None,
) -> Film:
    """Play one episode and write its pictures to a file, which appears whole or not at all.

    Args:
        family: makes the environment; its ``metadata["render_fps"]`` says how fast time passes.
        task: the task.
        policies: one policy, for that task.
        seed: what the environment is reset with.
        output: an .mp4 or .gif file; replaced where there is one.
        num_steps: stop after so many control steps; None plays to the end.
        fps: pictures per second; whatever it is, time passes as in the simulation. None: one for
            each control step, but no more than ``MOST_FPS``.
        progress: told now and then how far the episode is.

    Raises:
        HyperbenchError: no film can be made of this family, or as asked.
        DataError: the file cannot be written.
    """
    check_output(output)
    env = family.make(task, "rgb_array")
    if env.render_mode != "rgb_array":
        raise HyperbenchError(
            f"Family {family.info.id} draws no pictures: asked for the render_mode 'rgb_array', it "
            f"makes an environment of render_mode {env.render_mode!r}."
        )
    # Without it Gymnasium's own recorders take 30, too.
    steps_per_second = float(env.metadata.get("render_fps") or 30)
    fps = _checked_fps(fps, steps_per_second, output.suffix)
    with _draft(output) as draft, _encoder(draft, fps) as encode, single_threaded():
        camera = _Camera(env, encode, fps, steps_per_second)
        stage = _Stage(family, camera, min(num_steps or family.info.horizon, family.info.horizon))
        table = rollout(stage, [task], policies, np.array([[seed]]), progress=progress)
    return Film(table, camera.num_pictures, fps)


class _Stage(TaskFamily):
    """A family that plays all in the one environment given: ``rollout`` sees no difference."""

    def __init__(self, family: TaskFamily, env: gymnasium.Env[Any, Any], num_steps: int) -> None:
        self.info = replace(family.info, horizon=num_steps)
        self.spec_space, self.tasks = family.spec_space, family.tasks
        self.observation_space, self.action_space = family.observation_space, family.action_space
        self._family, self._env = family, env

    def make(self, task: TaskSpec, render_mode: str | None = None) -> gymnasium.Env[Any, Any]:  # noqa: ARG002 -- it was made for them
        return self._env

    def expert(self, tasks: Sequence[TaskSpec]) -> PolicyBatch:
        return self._family.expert(tasks)

    def demonstrators(self, tasks: Sequence[TaskSpec]) -> PolicyBatch:
        return self._family.demonstrators(tasks)


class _Camera(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Shows ``fps`` of the ``steps_per_second`` moments of each second, evenly spread."""

    def __init__(
        self, env: gymnasium.Env[Any, Any], show: Show, fps: int, steps_per_second: float
    ) -> None:
        super().__init__(env)
        self._show = show
        self._fps, self._steps_per_second = fps, steps_per_second
        self._num_moments = 0
        self._shape: tuple[int, ...] | None = None
        self.num_pictures = 0

    def reset(self, **arguments: Any) -> tuple[Any, dict[str, Any]]:
        result = self.env.reset(**arguments)
        self._look()
        return result

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        result = self.env.step(action)
        self._look()
        return result

    def _look(self) -> None:
        if self.num_pictures * self._steps_per_second <= self._num_moments * self._fps:
            self._show(self._checked(self.env.render()))
            self.num_pictures += 1
        self._num_moments += 1

    def _checked(self, drawn: Any) -> Picture:
        """What was drawn, if a film can be made of it: the encoder would take any bytes."""
        fits = isinstance(drawn, np.ndarray) and drawn.dtype == np.uint8 and drawn.ndim == 3
        if not fits or drawn.shape[2] != 3 or drawn.shape != (self._shape or drawn.shape):
            shape, dtype = getattr(drawn, "shape", None), getattr(drawn, "dtype", "")
            found = type(drawn).__name__ if shape is None else f"{shape} of {dtype}"
            size = "(height, width, 3)" if self._shape is None else f"{self._shape}"
            raise HyperbenchError(
                f"A picture must be {size} of uint8, render returns {found} at step "
                f"{self._num_moments}. Convert it in the environment."
            )
        self._shape = drawn.shape
        picture: Picture = drawn
        return picture


def _checked_fps(asked: int | None, steps_per_second: float, suffix: str) -> int:
    most = max(1, int(steps_per_second))
    if asked is None or suffix == ".gif":
        most = min(most, MOST_FPS)
    if asked is not None and not 1 <= asked <= most:
        raise HyperbenchError(
            f"--fps {asked}: give 1 to {most}. The simulation has {steps_per_second:g} steps a "
            f"second, and a GIF shows at most {MOST_FPS} pictures a second."
        )
    return asked or most


@contextmanager
def _draft(output: Path) -> Iterator[Path]:
    """A place beside ``output`` for what takes its place once it is whole."""
    try:
        with tempfile.TemporaryDirectory(prefix=".draft-", dir=output.parent) as folder:
            draft = Path(folder) / output.name
            yield draft
            draft.replace(output)
    except OSError as error:
        reason = error.strerror or str(error).partition("\n")[0]
        raise DataError(
            f"{output} cannot be written: {reason}. Choose another place with --output."
        ) from error


@contextmanager
def _encoder(path: Path, fps: int) -> Iterator[Show]:
    """What writes each picture (height, width, 3) that it is given to the film at ``path``."""
    import imageio_ffmpeg

    frames = None

    def show(picture: Picture) -> None:
        nonlocal frames
        if frames is None:
            height, width, _ = picture.shape
            frames = imageio_ffmpeg.write_frames(
                str(path), (width, height), fps=fps, ffmpeg_log_level="error",
                **_ENCODINGS[path.suffix],
            )  # fmt: skip
            frames.send(None)
        frames.send(np.ascontiguousarray(picture))

    try:
        yield show
    finally:
        if frames is not None:
            frames.close()
