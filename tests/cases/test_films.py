"""What an environment draws is a film or is refused: an encoder takes any bytes for pictures."""

import numpy as np
import pytest

from hyperbench.errors import HyperbenchError
from hyperbench.testing.line import LineEnv, LineFamily
from hyperbench.view.video import film

RGB = np.zeros((32, 32, 3), np.uint8)


class Drawn(LineEnv):
    render_mode = "rgb_array"
    metadata = {"render_modes": ["rgb_array"], "render_fps": None}  # noqa: RUF012 -- as gymnasium has it

    def __init__(self, task, draw):
        super().__init__(task)
        self.draw = draw

    def render(self):
        return self.draw(self.num_steps)


@pytest.fixture
def shoot(tmp_path):
    def shoot(draw):
        class Family(LineFamily):
            def make(self, task, render_mode=None):
                return Drawn(task, draw)

        family = Family()
        task = family.tasks[0]
        return film(family, task, family.expert([task]), 0, tmp_path / "film.mp4")

    return shoot


@pytest.mark.parametrize(
    ("draw", "found"),
    [
        (lambda _: np.zeros((32, 32, 4), np.uint8), r"\(32, 32, 4\) of uint8 at step 0"),
        (lambda _: RGB.astype(np.float64), r"\(32, 32, 3\) of float64 at step 0"),
        (lambda _: RGB[..., 0], r"\(32, 32\) of uint8 at step 0"),
        (lambda _: RGB.tolist(), "list at step 0"),
        (lambda _: None, "NoneType at step 0"),
        (lambda step: np.zeros((32 + 2 * step, 32, 3), np.uint8), r"\(34, 32, 3\) .* at step 1"),
    ],
)
def test_what_is_no_picture_is_refused(shoot, tmp_path, draw, found):
    with pytest.raises(HyperbenchError, match=f"render returns {found}"):
        shoot(draw)
    assert not list(tmp_path.iterdir())


def test_without_a_declared_speed_there_are_thirty_pictures_a_second(shoot):
    assert shoot(lambda _: RGB).fps == 30
