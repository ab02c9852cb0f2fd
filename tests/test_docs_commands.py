"""The commands that README and docs show, carried out as they stand there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import DOCS, ROOT, blocks

# Some fits, a film, a contract, boards and pages: a quarter of an hour.
pytestmark = pytest.mark.slow

LEFT_OUT = {
    "tune": "hours; test_tune carries studies out",
    "plan": "asks for three fits of a row; test_power",
    "submit": "asks for a clean clone; test_submit",
    "prepare": "minutes of locomotion, and brought data; test_preparing, test_docs",
    "run --plugin ./shown.py": "asks for what prepare brings; test_docs",
    "judge": "asks for weights; test_judge",
}
FILES = {
    "handed.py": ("writing-a-method.md", '"ridge"', '"my-method"'),
    "mine.py": ("writing-a-method.md", '"ridge"', '"mine"'),
    "knn.py": ("writing-a-method.md", '"knn"', '"knn"'),
    "mountain_car.py": ("writing-a-suite.md", "classic/mountain-car", "classic/mountain-car"),
    "tank.py": ("writing-a-suite.md", "@hb.register_family()", "@hb.register_family()"),
}
"""Files that commands name: their page, a word that tells which block, and what to put for it."""


def shown() -> list[tuple[str, str]]:
    """Every command of ``hyperbench``, and the page that shows it."""
    found = []
    for path in DOCS:
        text = "\n".join(blocks(path, "sh")).replace("\\\n", " ")
        lines = (line.partition(" #")[0].strip() for line in text.splitlines())
        found += [(line, path.name) for line in lines if line.startswith("hyperbench ")]
    return [(page, line) for line, page in dict(reversed(found)).items() if "..." not in line]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder as a reader's would be: files of the pages, runs under two protocols, boards."""
    place = tmp_path_factory.mktemp("reader")
    for name, (page, word, other) in FILES.items():
        [text] = (b for b in blocks(ROOT / "docs" / page, "python") if word in b and "hb." in b)
        (place / name).write_text(text.replace(word, other))
    shutil.copytree(ROOT / "leaderboards", place / "leaderboards")
    common = ["run", "-s", "pointmass", "--no-baselines"]
    methods = ["-m", "hypogen", "-m", "hyperzero", "-m", "film", "-m", "my-method"]
    carry_out(place, [*common, *methods])
    carry_out(place, [*common, "-m", "hypogen", "--set", "num_blocks=8"])
    carry_out(place, [*common, "-m", "expert", "-p", "standard-v1"])
    for elsewhere in ("here", "there", "machine-a/runs", "machine-b/runs"):
        shutil.copytree(place / "runs", place / elsewhere)
    return place


def carry_out(place: Path, words: list[str]) -> None:
    """Run the command in the reader's folder."""
    environment = {**os.environ, "HYPERBENCH_PLUGIN": "handed.py", "OMP_NUM_THREADS": "1"}
    environment["HYPERBENCH_DATA_DIR"] = str(place / "data")
    done = subprocess.run(
        [sys.executable, "-m", "hyperbench", *words],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"hyperbench {shlex.join(words)}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize(("page", "line"), shown())
def test_what_is_shown_can_be_done(place, page, line):
    [run] = (path for path in sorted(place.glob("runs/*/record.json"))[:1])
    _, command, *words = shlex.split(re.sub(r"runs/[0-9a-f]{16}", f"runs/{run.parent.name}", line))
    for begin, why in LEFT_OUT.items():
        if line.startswith(f"hyperbench {begin}"):
            pytest.skip(why)
    if command == "run" and "--dry-run" not in words:
        words.append("--dry-run")  # everything is resolved, nothing is fitted
    carry_out(place, [command, *words])
