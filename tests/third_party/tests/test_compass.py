"""A circle and a category from outside: through the contract kit, and through a run to its page."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from hyperbench_example.compass import CompassFamily
from typer.testing import CliRunner

from hyperbench.cli import app
from hyperbench.commands.render import find_task
from hyperbench.errors import ProtocolError, SpecError, UnknownNameError
from hyperbench.protocol import PROTOCOLS
from hyperbench.registry import installed
from hyperbench.testing import check_family

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def family():
    return CompassFamily()


def test_compass(family):
    check_family(family)


def test_a_task_is_asked_for_by_the_name_of_its_category(family):
    task = family.tasks[3]
    assert task.label == "direction=30, wiring=crossed"
    assert find_task(family, task.label) == task
    assert find_task(family, "wiring=crossed,direction=390") == task
    with pytest.raises(UnknownNameError, match=r"'cross'\. Did you mean 'crossed'"):
        find_task(family, "wiring=cross,direction=30")
    # 350 is nearer to 0 than to 300, and no angle is nearer than the asked category.
    with pytest.raises(SpecError, match=r"nearest .* is direction=0, wiring=straight"):
        find_task(family, "direction=350")


def test_distance_and_region_are_those_of_the_circle_and_of_the_category(family):
    split = PROTOCOLS["quick-v1"].split(family, 0)
    assert {task.label for task in split.source if task["wiring"] == 0} == {
        "direction=0, wiring=straight"
    }
    nearest, distance = split.nearest_source(family.task(direction=345, wiring="straight"))
    assert nearest.label == "direction=0, wiring=straight"
    assert distance == pytest.approx(15 / 90)
    regions = {task.label: split.region(task) for task in split.target}
    crossed = {task["direction"] for task in split.source if task["wiring"] == 1}
    assert crossed == {60, 150, 300, 330}
    inside = {label for label, region in regions.items() if region == "interpolation"}
    # From 150 to 300 and from 330 over 0 to 60 is less than half a turn.
    assert {
        f"direction={i}, wiring=crossed" for i in (0, 30, 90, 120, 180, 210, 240, 270)
    } == inside


def test_no_gap_is_held_out(family):
    with pytest.raises(ProtocolError, match=r"needs an interval .* example/compass-v1 has none"):
        PROTOCOLS["gap-v1"].split(family, 0)


@pytest.fixture
def hyperbench(tmp_path, demonstrations_dir, monkeypatch, in_this_process):
    """Run a command line in this process, where the example is installed; give what it prints."""
    info = tmp_path / "site" / f"hyperbench_example-{PROJECT['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: {PROJECT['version']}\n"
    )
    (point,) = PROJECT["entry-points"]["hyperbench"].items()
    (info / "entry_points.txt").write_text(f"[hyperbench]\n{point[0]} = {point[1]}\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(demonstrations_dir))
    monkeypatch.setenv("COLUMNS", "200")

    def run(line: str) -> str:
        result = CliRunner().invoke(app, shlex.split(line), catch_exceptions=False)
        assert result.exit_code == 0, f"{line}\n{result.output}"
        return result.stdout

    installed.cache_clear()
    yield run
    installed.cache_clear()


@pytest.mark.thorough  # a report of a suite whose runs other tests make
def test_from_a_run_to_its_page(hyperbench, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("jinja2")
    said = " ".join(hyperbench("info example/compass --num-episodes 1").split())
    assert "spec 4 numbers: cos(direction), sin(direction), wiring=straight, wiring=crossed" in said
    assert "direction 12 values from 0 to 330 degrees, on a circle of 360 degrees" in said
    assert "wiring 2 categories: straight, crossed" in said
    assert re.search(r"crossed [@*#=:.]+", said), "the rows of the picture have names"
    hyperbench("info example/compass -p quick-v1")

    # Two features are shown as four numbers, to a network and to a stranger's regression.
    board = hyperbench(
        "run -m conditional -m example-ridge -s example/compass -p quick-v1 --no-baselines "
        "--set conditional.num_steps=20 -o runs --jobs 1"
    )
    for name in ("conditional", "example-ridge", "nearest-expert", "expert"):
        assert name in board
    hyperbench("verify runs --all")

    hyperbench("report runs -o report.html --figures figures")
    page = (tmp_path / "report.html").read_text()
    assert "direction=30 degrees, wiring=crossed" in page
    assert re.search(r'"ticktext": ?\["straight", ?"crossed"\]', page)
    assert list((tmp_path / "figures").glob("*return-*compass*.pdf"))
