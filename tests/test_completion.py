"""What a shell completes, and that it imports nothing for it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from hyperbench import cli
from hyperbench.protocol import QUICK, STANDARD

BOARD = Path(__file__).parents[1] / "leaderboards" / "pointmass"


@pytest.fixture
def complete(in_this_process, tmp_path, monkeypatch):
    """The words that may stand at the end of a line; its last one may be begun."""
    monkeypatch.chdir(tmp_path)

    def call(line):
        words = line.split(" ")
        environment = {
            "_HYPERBENCH_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        done = CliRunner().invoke(cli.app, [], env=environment, prog_name="hyperbench")
        return [word for word in done.output.splitlines() if word]

    return call


def test_names_are_completed_without_importing_what_they_stand_for():
    lines = {
        "hyperbench r": "run",
        "hyperbench run -m hypog": "hypogen",
        "hyperbench run --suite locomotion/cheetah-s": "locomotion/cheetah-speed-v1",
        "hyperbench run -p quick-": "quick-v2",
        f"hyperbench leaderboard {BOARD} -m film": "film",
        f"hyperbench report {BOARD} -p stand": "standard-v1",
    }
    program = (
        "import os, sys; sys.argv = ['hyperbench']\n"
        "from hyperbench import cli\n"
        f"for line in {list(lines)!r}:\n"
        "    os.environ.update(_HYPERBENCH_COMPLETE='complete_bash', COMP_WORDS=line,\n"
        "        COMP_CWORD=str(len(line.split()) - 1))\n"
        "    try: cli.app(prog_name='hyperbench')\n"
        "    except SystemExit: pass\n"
        "heavy = {'torch', 'mujoco', 'pandas', 'numpy', 'gymnasium', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(lines.values()) <= {*done.stdout.splitlines()}


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("hyperbench run -m rand", ["random"]),
        ("hyperbench tune -m rand", []),  # an arm has nothing to tune
        ("hyperbench info hypogen-", ["hypogen-finetuned"]),
        ("hyperbench info quick-", ["quick-v1", "quick-v2"]),
        ("hyperbench check pointm", ["pointmass", "pointmass/goal-drag", "pointmass/goal-drag-v1"]),
        ("hyperbench check ./knn", []),  # the shell's own, files
        ("hyperbench run --executor d", ["dask"]),
        ("hyperbench run --device c", ["cpu", "cuda"]),
        ("hyperbench render --policy e", ["expert"]),
        ("hyperbench new m", ["method"]),
        ("hyperbench export runs -f r", ["rliable"]),
        ("hyperbench leaderboard nowhere -m f", []),
        (
            f"hyperbench leaderboard {BOARD} -m hyp",
            [
                *("hypogen", "hyperzero", "hyperzero (shuffled-spec)"),
                "hyperzero [preset=matched]",
            ],
        ),
    ],
)
def test_what_may_stand_there_is_completed(complete, line, found):
    assert sorted(complete(line)) == sorted(found)


def test_files_that_are_plugged_in_before_are_known(complete, tmp_path):
    (tmp_path / "knn.py").write_text(
        "import hyperbench as hb\n\n\n"
        "@hb.register_method('knn')\ndef knn(demonstrations, seed):\n    pass\n"
    )
    assert complete("hyperbench run --plugin ./knn.py -m kn") == ["knn"]
    assert complete("hyperbench run -m kn") == []
    (tmp_path / "broken.py").write_text("raise ValueError\n")
    assert complete("hyperbench run --plugin broken.py -m fil") == ["film"]


def test_rows_are_those_of_the_folders_on_the_line(complete, write_run, tmp_path):
    for protocol in (QUICK, STANDARD):
        write_run("learned", np.zeros(8), protocol=protocol, family="toy/size-v1")
    write_run("learned", np.zeros(8), overrides={"width": 8}, family="toy/size-v1")
    write_run("random", np.zeros(8), is_arm=True, family="zoo/size-v1")
    assert complete("hyperbench compare le") == ["learned", "learned [width=8]"]
    assert complete("hyperbench compare learned r") == ["random"]
    assert complete("hyperbench verify runs --method l") == ["learned", "learned [width=8]"]
    assert complete("hyperbench verify runs -p ") == ["quick-v1", "standard-v1", "test-v1"]
    assert complete("hyperbench verify -s t") == ["toy", "toy/size", "toy/size-v1"]
    (tmp_path / "runs" / "half" / "record.json").parent.mkdir()
    (tmp_path / "runs" / "half" / "record.json").write_text("{")
    assert complete("hyperbench compare le") == ["learned", "learned [width=8]"]


def test_every_option_that_takes_a_name_completes_it():
    commands = typer.main.get_command(cli.app).commands
    for name, command in commands.items():
        for param in command.params:
            if {"--method", "--suite", "--protocol", "--executor", "--format"} & {*param.opts}:
                assert param._custom_shell_complete is not None, (name, param.name)
