"""New packages: written whole or not at all, installable, and what the documentation shows."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hyperbench.commands.new import new_command
from hyperbench.errors import HyperbenchError

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("methods", "mine", "Did you mean 'method'"),
        ("method", "My Method", "small letters and digits"),
        ("suite", "../outside", "small letters and digits"),
        ("method", "numpy", "can be imported here already"),
        ("method", "there", "is there already, and nothing was written"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, kind, name, said):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "method.py").write_text("mine")
    with pytest.raises(HyperbenchError, match=said):
        new_command(kind, name, tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["there", "method.py"]


@pytest.mark.parametrize(
    ("kind", "name", "code", "page"),
    [
        ("method", "ridge", "method.py", "writing-a-method.md"),
        ("suite", "mine", "world.py", "writing-a-suite.md"),
    ],
)
def test_a_package_begins_with_what_the_documentation_shows(tmp_path, kind, name, code, page):
    new_command(kind, name, tmp_path)
    written = (tmp_path / name / name / code).read_text()
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    registering = re.compile(r"^(@hb\.|import hyperbench as hb).*\n", re.MULTILINE)
    assert written in [registering.sub("", block) for block in blocks]
    for path in (tmp_path / name).rglob("*.*"):
        assert path.is_dir() or "$" not in path.read_text()
    project = tomllib.loads((tmp_path / name / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["hyperbench"] == {name: f"{name}.plugin"}


@pytest.mark.thorough  # a package of each kind through its tests and its check, in processes
@pytest.mark.parametrize("kind", ["method", "suite"])
def test_a_package_passes_its_own_tests_and_its_check(tmp_path, kind):
    new_command(kind, "brand-new", tmp_path)
    folder = tmp_path / "brand-new"
    info = folder / "hyperbench_brand_new-0.1.0.dist-info"  # as pip would install it
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: hyperbench-brand-new\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text("[hyperbench]\nbrand-new = brand_new.plugin\n")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    for words in (["pytest", "-q", "tests"], ["hyperbench", "check", "brand-new"]):
        command = [sys.executable, "-m", *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "All passed." in done.stdout
    assert "imports nothing heavy" in done.stdout
