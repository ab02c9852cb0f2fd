"""Results do not depend on the number of workers, nor on whether a run was interrupted."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hyperbench import cli

RUN = ("run", "-m", "conditional", "-s", "pointmass", "--no-baselines", "--set", "num_steps=30")
TIMES = ("fit_seconds", "generate_seconds")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "hyperbench", *arguments]


def here(*arguments: str) -> Result:
    """Give a command in this process, which has imported all that it needs."""
    done = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def board(runs: Path) -> tuple[str, list[dict[str, str]]]:
    """The score table as text, and every number of the board that is not a time."""
    texts = [
        here("leaderboard", str(runs), "--format", format_).stdout
        for format_ in ("markdown", "csv")
    ]
    rows = list(csv.DictReader(io.StringIO(texts[1])))
    for row in rows:
        for name in TIMES:
            del row[name]
    return texts[0].partition("### Cost")[0], rows


@pytest.fixture(scope="module")
def no_worker(data_dir: Path, tmp_path_factory: pytest.TempPathFactory, workerless):
    runs = tmp_path_factory.mktemp("none")
    arguments = ("--output-dir", str(runs), "--data-dir", str(data_dir))
    with workerless():
        here(*RUN, *arguments)
    return board(runs)


def test_two_workers_give_the_same_table_as_none(no_worker, data_dir: Path, tmp_path: Path) -> None:
    arguments = ("--jobs", "2", "--output-dir", str(tmp_path), "--data-dir", str(data_dir))
    assert "[6/6]" in here(*RUN, *arguments).stderr
    assert board(tmp_path) == no_worker


@pytest.mark.thorough  # a run that is finished and one that is not are told apart elsewhere
def test_killed_half_way_and_started_again_gives_the_same_table(
    no_worker, data_dir: Path, tmp_path: Path
) -> None:
    arguments = ("--jobs", "1", "--output-dir", str(tmp_path), "--data-dir", str(data_dir))
    process = subprocess.Popen(
        command(*RUN, *arguments), stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("*/record.json"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    finished = len(list(tmp_path.glob("*/record.json")))
    assert finished < 6
    assert f"{finished} of 6 runs are finished" in here(*RUN, *arguments).stderr
    assert board(tmp_path) == no_worker


@pytest.mark.thorough  # waits for fits that never end
def test_an_interrupt_keeps_what_is_finished_and_says_so(data_dir: Path, tmp_path: Path) -> None:
    arguments = ("--jobs", "2", "--output-dir", str(tmp_path), "--data-dir", str(data_dir))
    endless = [*RUN[:-1], "num_steps=1000000"]
    # What ignores the signal, as everything started in the background by a shell does, hands that
    # on; what handles it does not.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        command(*endless, *arguments), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    signal.signal(signal.SIGINT, handler)
    try:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("*/record.json"))) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        # A terminal sends the signal to every process of the group.
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 130
    assert "Finished runs are kept" in err
    assert len(list(tmp_path.glob("*/record.json"))) == 5
