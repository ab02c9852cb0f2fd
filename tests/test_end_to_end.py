"""All that a person does with a method, from a run to a published board, on real fits."""

import json
import re
import shlex

import pytest
from typer.testing import CliRunner

from hyperbench.cli import app
from hyperbench.protocol import PROTOCOLS

pytest.importorskip("torch")
pytest.importorskip("jinja2")

METHODS = ("conditional", "hyperzero")
FORMATS = {
    "markdown": "board.md",
    "csv": "board.csv",
    "latex": "board.tex",
    "json": "board.json",
    "parquet": "board.parquet",
    "rliable": "board.npz",
}


@pytest.fixture
def hyperbench(tmp_path, demonstrations_dir, monkeypatch, in_this_process):
    """Run a command line as a shell in an empty folder would; its output if it succeeds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(demonstrations_dir))
    monkeypatch.setenv("COLUMNS", "200")

    def run(line: str) -> str:
        result = CliRunner().invoke(app, shlex.split(line), catch_exceptions=False)
        assert result.exit_code == 0, f"{line}\n{result.output}"
        return result.stdout

    return run


def measure(hyperbench, protocol: str, seeds: int, methods=METHODS) -> str:
    names = " ".join(f"-m {name}" for name in methods)
    return hyperbench(
        f"run {names} -s pointmass -p {protocol} --seeds {seeds} --set num_steps=20 "
        f"--no-baselines -o runs --jobs 1"
    )


@pytest.mark.parametrize(
    "protocol",
    [
        # The others differ in splits and numbers, which cost nothing to test where they are made.
        pytest.param(id_, marks=() if id_ in ("quick-v1", "few-shot-v1") else pytest.mark.thorough)
        for id_ in PROTOCOLS
    ],
)
def test_every_protocol_ends_in_a_board_that_verifies(hyperbench, protocol):
    methods = ("maml", "conditional") if protocol == "few-shot-v1" else ("conditional",)
    board = measure(hyperbench, protocol, 1, methods)
    for name in (*methods, "expert", "reuse-bound"):
        assert name in board
    hyperbench("verify runs --sample 2")


@pytest.mark.thorough  # each step has its own tests
def test_from_runs_to_a_published_board(hyperbench, tmp_path):
    measure(hyperbench, "standard-v1", 5)

    one, other = (f"'{name} [num_steps=20]'" for name in METHODS)
    said = " ".join(hyperbench(f"compare {one} {other} runs").split())
    assert re.search(r"with probability \d\.\d\d \[\d\.\d\d, \d\.\d\d\]", said)
    assert "Pairs of runs" in hyperbench(f"plan --mde 0.05 --method {one} runs")

    for format_, name in FORMATS.items():
        hyperbench(f"export runs -f {format_} -o {name}")
        assert (tmp_path / name).stat().st_size > 200
    (board,) = json.loads((tmp_path / "board.json").read_text())
    assert {row["num_runs"] for row in board["rows"]} == {5}

    hyperbench("report runs -o report.html --figures figures")
    page = (tmp_path / "report.html").read_text()
    assert all(name.split()[0] in page for name in METHODS)
    assert len(list((tmp_path / "figures").glob("*.pdf"))) >= 4

    hyperbench("publish runs --board-dir boards")
    folder = tmp_path / "boards" / "pointmass" / "standard-v1"
    shown = hyperbench(f"leaderboard {folder} -f markdown")
    assert shown.strip() in (folder / "table.md").read_text()
    verdicts = json.loads(hyperbench(f"verify {folder} --all --json"))
    stamps = [verdict["stamp"] for verdict in verdicts["runs"]]
    # Of each method the board keeps one policy, of one run.
    assert sorted(stamps) == ["consistent"] * (2 * 4) + ["verified"] * (5 * 5 + 2)
