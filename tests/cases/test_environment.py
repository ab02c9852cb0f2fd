"""What surrounds hyperbench, such as variables, settings and containers, changes no result."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from hyperbench.cli import app
from hyperbench.disk import check_writable
from hyperbench.errors import DataError
from hyperbench.files import new_folder
from hyperbench.threads import _granted, num_cores

ROOT = Path(__file__).parents[2]
DRAWS = """
from hyperbench.errors import HyperbenchError
from hyperbench.registry import installed

family = installed().make_family("locomotion/cheetah-speed-v1")
env = family.make(family.tasks[0])
env.reset(seed=0)
print("steps", env.step(env.action_space.sample() * 0)[1] >= 0)
try:
    env.unwrapped.render_mode = "rgb_array"
    env.unwrapped.draw()
except HyperbenchError as error:
    print(error)
"""


@pytest.mark.parametrize(
    "backend", ["nonsense", pytest.param("osmesa", marks=pytest.mark.thorough)]
)
def test_a_drawing_library_that_is_not_there_is_missed_by_what_draws_alone(backend):
    pytest.importorskip("hyperbench_locomotion")
    environment = {**os.environ, "MUJOCO_GL": backend}
    command = [sys.executable, "-c", DRAWS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    steps, *refusal = done.stdout.splitlines()
    assert steps == "steps True"
    if backend == "osmesa" and not refusal:
        pytest.skip("OSMesa is installed here: it draws")
    assert refusal[0].startswith(f"Cannot draw: MuJoCo cannot be used with MUJOCO_GL={backend} (")
    assert "Set MUJOCO_GL to egl or osmesa" in refusal[0]


def test_worlds_take_mujoco_from_where_a_wrong_variable_does_not_stop_it():
    library = ROOT / "plugins" / "mujoco" / "hyperbench_mujoco" / "__init__.py"
    directly = {
        path
        for path in ROOT.glob("plugins/*/hyperbench_*/**/*.py")
        if re.search(r"^\s*import mujoco", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert directly == {library}


def test_a_link_to_nowhere_is_named_where_something_is_to_be_written(tmp_path):
    link = tmp_path / "runs"
    link.symlink_to("/mnt/unplugged/runs")
    said = re.escape(f"{link} is a link to /mnt/unplugged/runs, where nothing is. Choose another.")
    for folder in (link, link / "below"):
        with pytest.raises(DataError, match=said):
            check_writable(folder, "Choose another.")
        with pytest.raises(DataError, match=said), new_folder(folder / "run", "Choose another."):
            pass


def test_a_variable_says_the_same_to_every_command():
    """What is written, and what is drawn by chance, is each command's own affair."""
    own = {"output", "output_dir", "seed"}
    seen = {}
    for name, command in typer.main.get_command(app).commands.items():
        for option in command.params:
            if option.name in own and option.envvar:
                seen.setdefault(option.envvar, []).append(f"{name} {option.name}")
    # Where `run` and `judge` write, and where `doctor` looks whether they could.
    writers = ["run output_dir", "judge output_dir", "doctor output_dir"]
    assert seen.pop("HYPERBENCH_OUTPUT_DIR") == writers
    assert seen["HYPERBENCH_REPORT_OUTPUT"] == ["report output"]
    assert {variable: users for variable, users in seen.items() if len(users) > 1} == {}


def control_groups(root, membership, **files):
    """Make a file system with control groups and these files in them."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "self" / "cgroup").write_text(membership)
    for path, content in files.items():
        file = root / "sys" / "fs" / "cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


V1 = "4:memory:/docker/ab\n3:cpu,cpuacct:/docker/ab\n0::/system\n"


@pytest.mark.parametrize(
    ("membership", "files", "cores"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, float("inf")),
        ("0::/\n", {}, float("inf")),
        # The limit of a group above holds, too.
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ("0::/a\n", {"a/cpu.max": "400000 100000", "cpu.max": "200000 100000"}, 2.0),
        # Names as on the host, limits where the container sees them.
        ("0::/../../docker/ab\n", {"cpu.max": "300000 100000"}, 3.0),
        (V1, {"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 2.5),
        (
            V1,
            {
                "cpu/docker/ab/cpu.cfs_quota_us": "100000\n",
                "cpu/docker/ab/cpu.cfs_period_us": "100000\n",
            },
            1.0,
        ),
        (V1, {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, float("inf")),
        ("odd\n\n", {}, float("inf")),
    ],
)
def test_the_share_of_a_container_is_read(tmp_path, membership, files, cores):
    control_groups(tmp_path, membership, **files)
    assert _granted(tmp_path) == cores


def test_where_there_are_no_control_groups_there_is_no_limit(tmp_path):
    assert _granted(tmp_path) == float("inf")


@pytest.mark.parametrize(("granted", "cores"), [(0.2, 1), (1.5, 2), (3.0, 3), (float("inf"), 8)])
def test_cores_are_those_that_may_be_used(monkeypatch, granted, cores):
    monkeypatch.setattr("hyperbench.threads._granted", lambda: granted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    assert num_cores() == cores


def test_one_core_by_affinity_is_one_core(monkeypatch):
    """As ``taskset -c 0`` gives it."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0}, raising=False)
    assert num_cores() == 1


def test_cores_are_counted_in_one_place():
    """Beside the description of the machine in a record."""
    counting = {
        path.relative_to(ROOT).as_posix()
        for folder in ("hyperbench", "plugins", "baselines")
        for path in ROOT.joinpath(folder).rglob("*.py")
        if "cpu_count" in path.read_text(encoding="utf-8") and "tests" not in path.parts
    }
    assert counting == {"hyperbench/threads.py", "hyperbench/provenance.py"}


def test_what_produced_the_boards_is_what_is_declared():
    """Each declared bound allows the version in ``constraints.txt``, which has everything."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line.partition("#")[0])
    pinned = {canonicalize_name(name): version for name, version in pinned.items()}
    wrong = []
    for path in (
        ROOT / "pyproject.toml",
        ROOT / "baselines" / "pyproject.toml",
        *ROOT.glob("plugins/*/pyproject.toml"),
    ):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {}).values()
        for line in {*project["dependencies"], *(line for extra in extras for line in extra)}:
            needed = Requirement(line)
            if needed.name.startswith("hyperbench-"):
                continue
            version = pinned.get(canonicalize_name(needed.name))
            if version is None or version not in needed.specifier:
                wrong.append(f"{path.parent.name}: {line}, {version}")
    assert wrong == []
