"""Films: the episode that ``rollout`` judges, whole or not at all, and clear answers otherwise."""

import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from typer.testing import CliRunner

from hyperbench import cli
from hyperbench.arms import RandomPolicies
from hyperbench.commands.render import find_policy, find_task, render_command
from hyperbench.errors import DataError, HyperbenchError, SpecError, UnknownNameError
from hyperbench.records.store import write_record
from hyperbench.rollout import rollout
from hyperbench.testing.line import LineFamily
from hyperbench.view.video import film

SEED = 7


@pytest.fixture
def task(pointmass):
    return pointmass.tasks[40]


def pictures(path: Path) -> np.ndarray:
    """The pictures of a point mass's film: (num_pictures, 300, 300, 3)."""
    decode = ["-loglevel", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), *decode]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 300, 300, 3).astype(int)


def place_of_mass(picture: np.ndarray) -> np.ndarray:
    """Row and column of the middle of the blue pixels."""
    red, green, blue = np.moveaxis(picture.astype(int), -1, 0)
    return np.argwhere((blue - red > 80) & (blue - green > 60)).mean(axis=0)


@pytest.mark.parametrize("name", ["expert", "random"])
def test_the_episode_is_the_one_that_rollout_plays(pointmass, task, tmp_path, name: str) -> None:
    policies = pointmass.expert([task]) if name == "expert" else RandomPolicies(pointmass, [task])
    made = film(pointmass, task, policies, SEED, tmp_path / "film.mp4", fps=1)
    table = rollout(pointmass, [task], policies, np.array([[SEED]]))
    for field in ("seeds", "returns", "lengths", "successes", "terminated"):
        np.testing.assert_array_equal(getattr(made.table, field), getattr(table, field))
    other = film(pointmass, task, policies, SEED + 1, tmp_path / "film.mp4", fps=1)
    assert other.table.returns != table.returns


@pytest.mark.parametrize("ending", [".mp4", ".gif"])
@pytest.mark.parametrize("fps", [None, 4])
def test_the_pictures_are_of_the_moments_they_are_shown_at(
    pointmass, task, tmp_path, ending: str, fps: int | None
) -> None:
    path, expert = tmp_path / f"film{ending}", pointmass.expert([task])
    made = film(pointmass, task, expert, SEED, path, fps=fps)
    shown = pictures(path)
    assert made.fps == (fps or 10)
    assert len(shown) == made.num_pictures == 60 * made.fps // 10 + 1
    _, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert seconds == pytest.approx(made.num_pictures / made.fps, abs=0.02)
    env = pointmass.make(task, "rgb_array")
    observation, _ = env.reset(seed=SEED)
    places = []
    for step in range(21):
        if step * made.fps % 10 == 0:
            places.append(place_of_mass(env.render()))
            seen = place_of_mass(shown[step * made.fps // 10])
            np.testing.assert_allclose(seen, places[-1], atol=1)
        observation, *_ = env.step(expert.act(observation[None, None])[0, 0])
    assert np.abs(np.diff(places, axis=0)).max(axis=1).max() > 5  # other moments would be seen


def test_it_may_stop_early_and_says_how_far_it_is(pointmass, task, tmp_path) -> None:
    told = []
    made = film(
        pointmass,
        task,
        pointmass.expert([task]),
        SEED,
        tmp_path / "film.gif",
        num_steps=50,
        progress=lambda *how_far: told.append(how_far),
    )
    assert made.table.lengths == 50
    assert made.num_pictures == 51
    assert told == [(50, 50)]
    made = film(pointmass, task, pointmass.expert([task]), SEED, tmp_path / "f.gif", num_steps=99)
    assert made.table.lengths == pointmass.info.horizon


class Breaks:
    """A policy that raises in the middle of its episode."""

    num_tasks = 1

    def __init__(self, error: BaseException) -> None:
        self._error, self._num_steps = error, 0

    def reset(self) -> None:
        pass

    def act(self, observations: np.ndarray) -> np.ndarray:
        self._num_steps += 1
        if self._num_steps == 20:
            raise self._error
        return np.zeros((1, 1, 2), dtype=np.float32)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("broken")])
def test_nothing_half_written_is_left(pointmass, task, tmp_path, error) -> None:
    path = tmp_path / "film.mp4"
    path.write_text("what was here before")
    with pytest.raises(type(error)):
        film(pointmass, task, Breaks(error), SEED, path)
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]
    assert path.read_text() == "what was here before"


def test_a_film_that_cannot_be_made_is_refused_before_anything_is_played(
    pointmass, task, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(output, family=pointmass, task=task, **options):
        with pytest.raises(HyperbenchError) as caught:
            film(family, task, Breaks(AssertionError("played")), SEED, output, **options)
        assert list(tmp_path.iterdir()) == []
        return str(caught.value)

    assert "ends in .mp4 or .gif" in refused(tmp_path / "film.avi")
    assert "cannot be written: No such file" in refused(tmp_path / "absent" / "film.gif")
    assert "--fps 11: give 1 to 10." in refused(tmp_path / "film.mp4", fps=11)
    line = LineFamily()
    monkeypatch.setattr(type(line.make(line.tasks[0])), "render_mode", None)
    assert "line-v1 draws no pictures" in refused(tmp_path / "film.gif", line, line.tasks[0])
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert "-e '.[video]'" in refused(tmp_path / "film.gif")


def test_a_gif_shows_no_more_pictures_than_it_can(
    pointmass, task, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = {**pointmass.make(task).metadata, "render_fps": 100}
    monkeypatch.setattr(type(pointmass.make(task)), "metadata", metadata)
    expert = pointmass.expert([task])
    with pytest.raises(HyperbenchError, match="--fps 51: give 1 to 50"):
        film(pointmass, task, expert, SEED, tmp_path / "film.gif", fps=51)
    assert film(pointmass, task, expert, SEED, tmp_path / "film.gif", num_steps=9).fps == 50
    assert film(pointmass, task, expert, SEED, tmp_path / "film.mp4", num_steps=9).fps == 50
    made = film(pointmass, task, expert, SEED, tmp_path / "film.mp4", num_steps=9, fps=100)
    assert made.num_pictures == 10


def test_a_task_is_found_by_its_label_and_by_its_key(pointmass) -> None:
    for task in pointmass.tasks:
        assert find_task(pointmass, task.label) == task
        assert find_task(pointmass, task.label.replace(" ", "")) == task
        assert find_task(pointmass, task.key[:8]) == task
    between = pointmass.task(goal_x=0.5, goal_y=0, drag=1)
    assert find_task(pointmass, "drag=1,goal_x=.5,goal_y=0") == between


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("", "48 tasks of pointmass/goal-drag-v1 have a key that begins so"),
        ("nothing", "0 tasks .* such as goal_x=-1,goal_y=-1,drag=0"),
        ("goal_x=1,goal_y=1", "Name each exactly once. The nearest .* is goal_x=1, goal_y=1, drag"),
        ("goal_x=1,goal_y=0.5,drag=9", "outside .* is goal_x=1, goal_y=0.333333, drag=4"),
        ("drag=1,drag=2", "gives 'drag' twice"),
        ("drag=fast", "drag is 'fast', which is no number"),
        ("drga=1", "Did you mean 'drag'"),
    ],
)
def test_a_task_that_cannot_be_meant_is_answered(pointmass, asked: str, message: str) -> None:
    with pytest.raises((SpecError, UnknownNameError), match=message):
        find_task(pointmass, asked)


@pytest.fixture
def write_policies(tmp_path, pointmass, make_record, make_table):
    """Write a run whose policies are the experts of its target tasks; gives its folder."""

    def write(method="some-method", policies=True, **fields):
        targets = pointmass.tasks[10:14]
        fields = {"family": pointmass.info.id, **fields}
        record = make_record(method, tasks=targets, **fields)
        table = make_table(targets, np.zeros((4, 1)))
        stored = pointmass.expert(targets) if policies else None
        write_record(tmp_path / "runs", record, table, stored)
        return tmp_path / "runs" / record.key

    return write


def test_a_runs_policy_is_found_by_its_task(pointmass, write_policies) -> None:
    folder = write_policies()
    observations = np.ones((1, 1, 4), dtype=np.float32)
    for task in pointmass.tasks[10:14]:
        found = find_policy(pointmass, task, str(folder))
        expected = find_policy(pointmass, task, "expert")
        np.testing.assert_array_equal(found.act(observations), expected.act(observations))


def test_a_policy_that_is_not_there_is_answered(pointmass, write_policies, tmp_path) -> None:
    def answer(asked, task=pointmass.tasks[10], family=pointmass):
        with pytest.raises((DataError, UnknownNameError)) as caught:
            find_policy(family, task, str(asked))
        return str(caught.value)

    (tmp_path / "empty").mkdir()
    folder = write_policies()
    listed = answer(folder, pointmass.tasks[0])
    assert listed.endswith("; ".join(task.label for task in pointmass.tasks[10:14]) + ".")
    assert "Did you mean 'expert'?" in answer("exprt")
    assert "is of pointmass/goal-drag-v1, not of testing/line-v1" in answer(
        folder, LineFamily.tasks[0], LineFamily()
    )
    arm = write_policies("random", policies=False, is_arm=True)
    assert "keeps no policies: it is of 'random', a control arm" in answer(arm)
    failed = write_policies("fails", policies=False, status="failed", split=None)
    assert "keeps no policies: it is of 'fails', and its status is 'failed'" in answer(failed)
    assert answer(folder.parent).endswith(f": {folder} (some-method, split 0).")
    assert "No run in" in answer(tmp_path / "empty")


def test_the_command_films_a_run_and_says_what_was_seen(
    pointmass, write_policies, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    task, output = pointmass.tasks[10], tmp_path / "film.gif"
    arguments = ["--suite", "pointmass", "--task", task.label, "--fps", "1", "--seed", str(SEED)]
    arguments += ["--policy", str(write_policies()), "--output", str(output)]
    result = CliRunner().invoke(cli.app, ["render", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    earned = rollout(pointmass, [task], pointmass.expert([task]), np.array([[SEED]])).returns.item()
    assert f"return {earned:.6g}, success in 60 of 60 steps" in result.output
    assert f"{output}: 7.0 s at 1 pictures a second" in result.output
    assert "no task of the family" not in result.output
    assert len(pictures(output)) == 7


def test_a_task_off_the_grid_is_played_and_said_to_be_none(
    pointmass, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"policy": "zero-action", "seed": 0, "num_steps": 3, "fps": None}
    render_command(
        suite="pointmass", task="goal_x=0,goal_y=1,drag=1", output=tmp_path / "f.mp4", **options
    )
    said = capsys.readouterr().out
    assert "no success in 3 of 60 steps" in said
    assert "is no task of the family; the nearest is goal_x=-0.333333, goal_y=1, drag=" in said


def test_a_suite_of_several_families_is_not_guessed_at(tmp_path) -> None:
    with pytest.raises(HyperbenchError, match=r"Name one: tracking/cheetah-speed-v1, "):
        render_command(
            suite="tracking",
            task="speed=1",
            policy="expert",
            output=tmp_path / "film.mp4",
            seed=0,
            num_steps=None,
            fps=None,
        )
