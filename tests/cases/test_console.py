"""What a person sees: whatever the locale, the terminal and the names of folders are."""

import io
import os
import subprocess
import sys

import numpy as np
import platformdirs
import pytest
from rich.console import Console

from hyperbench.boards.leaderboard import make_boards
from hyperbench.disk import data_dir_or_cache
from hyperbench.errors import HyperbenchError
from hyperbench.records.find import find_runs
from hyperbench.records.store import RECORD
from hyperbench.table import Table
from hyperbench.view.boards import print_boards
from hyperbench.view.console import print_table, standard_output
from hyperbench.view.encoding import show_everything
from hyperbench.view.progress import PlainProgress, progress_display


@pytest.fixture
def shown_in(monkeypatch):
    """What standard output receives in an encoding, as bytes."""

    def show(encoding, write):
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
        show_everything()
        write()
        sys.stdout.flush()
        return raw.getvalue()

    return show


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp1252", "utf-8"])
def test_a_board_is_shown_in_any_encoding(write_run, tmp_path, shown_in, encoding):
    write_run("café", np.ones(8))  # without arms there is no score, but a dash
    boards = make_boards(find_runs([tmp_path / "runs"]))
    said = shown_in(encoding, lambda: print_boards(boards, Console(width=160))).decode(encoding)
    assert ("–" in said) == (encoding in ("utf-8", "cp1252"))
    assert ("cafe" if encoding == "ascii" else "café") in said


def test_what_a_stream_lacks_is_written_in_ascii(shown_in):
    said = shown_in("ascii", lambda: print("0.5 – 1 … café ≤ π₀ “日本” caf\udce9"))
    assert said == b'0.5 - 1 ... cafe <= \\u03c00 "\\u65e5\\u672c" caf\xe9\n'


def test_the_bytes_of_a_path_reach_a_utf_8_terminal(shown_in):
    assert shown_in("utf-8", lambda: print("größe/caf\udce9")) == "größe/".encode() + b"caf\xe9\n"


@pytest.mark.thorough
@pytest.mark.parametrize("format_", ["table", "markdown"])
def test_the_leaderboard_on_an_ascii_terminal(write_run, tmp_path, format_):
    write_run("m", np.ones(8))
    done = subprocess.run(
        [sys.executable, "-m", "hyperbench", "leaderboard", str(tmp_path / "runs"), "-f", format_],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert b"m" in done.stdout


@pytest.mark.parametrize(
    "name", ["[red]a[/b]", pytest.param("out[lr=0.1]/a", marks=pytest.mark.thorough)]
)
def test_square_brackets_in_paths_are_shown(say, tmp_path, demonstrations_dir, name):
    line = ["run", "-m", "random", "-s", "pointmass", "--no-baselines", "-j", "1"]
    for told in ("Records: {}\n", "5 of 5 runs are finished in {} and"):
        where = ["-o", tmp_path / name, "--data-dir", demonstrations_dir]
        code, out, err = say(*line, *where)
        assert code == 0, err
        assert told.format(tmp_path / name) in out + err


@pytest.mark.thorough
def test_square_brackets_in_the_data_folder_are_shown(say, tmp_path):
    where = tmp_path / "demos[seed=0]" / "a[/b]"
    code, out, err = say("prepare", "-s", "pointmass", "--data-dir", where)
    assert code == 0, err
    assert str(where) in out
    (data,) = where.rglob("*.hdf5")
    data.write_bytes(b"")
    code, out, err = say("prepare", "-s", "pointmass", "--data-dir", where)
    assert str(data) in err


NAMES = (
    "conditional [decay_start=0.5, embedding_width=128, learning_rate=0.0005, policy_width=64]",
    "conditional [decay_start=0.5, embedding_width=128, learning_rate=0.0005, policy_width=128]",
)


@pytest.mark.parametrize("width", [40, 80, 160])
@pytest.mark.parametrize("num_settings", [1, 3])
def test_long_names_are_folded_and_numbers_are_whole(width, num_settings):
    names = [" ".join([name] * num_settings) for name in NAMES]
    header = ("method", "rank", "score", "95 % interval", "median", "return")
    cells = ("1", "0.862", "[0.812, 0.901]", "0.871", "1,234.5")
    table = Table("one", header, tuple((name, *cells) for name in names), (False, True))
    file = io.StringIO()
    print_table(table, Console(file=file, width=width))
    said = file.getvalue()
    assert max(map(len, said.splitlines())) <= width
    for cell in (*header[1:], *cells):
        assert said.count(cell) >= 1, said
    assert "…" not in said
    for ending in ("policy_width=64]", "policy_width=128]"):
        assert ending in "".join(said.split()) or ending.split("=")[1] in said


def test_short_names_take_no_more_than_they_need():
    file = io.StringIO()
    table = Table("one", ("method", "score"), (("a", "0.500"),), (False,))
    print_table(table, Console(file=file, width=160))
    assert max(map(len, file.getvalue().splitlines())) < 30


def test_forced_colour_makes_no_terminal_of_a_log(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert Console().is_terminal
    assert standard_output().width == 160
    log = Console(file=io.StringIO())
    assert log.is_terminal
    assert isinstance(progress_display({}, log), PlainProgress)


def test_without_a_home_the_option_is_named(monkeypatch):
    def homeless(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(platformdirs, "user_cache_dir", homeless)
    with pytest.raises(HyperbenchError, match=r"home directory\.\): give one with --data-dir"):
        data_dir_or_cache(None)


def test_formats_without_notes_tell_them_beside(write_run, tmp_path, say):
    write_run("sound", np.ones(8))
    (write_run("broken", np.ones(8)) / RECORD).write_bytes(b"")
    for command in (["leaderboard", "-f"], ["export", "-o", tmp_path / "x", "-f"]):
        code, out, err = say(*command, "csv", tmp_path / "runs")
        assert code == 0
        assert "Left out: " in err
        assert "Left out" not in out


def test_a_merge_tells_what_it_left_out(write_run, tmp_path, say):
    write_run("sound", np.ones(8))
    broken = write_run("broken", np.ones(8))
    (broken / RECORD).write_bytes(b"")
    code, out, err = say("merge", tmp_path / "runs", "-o", tmp_path / "out")
    assert code == 0
    assert "Copied 1 runs" in out
    assert err.startswith(f"left out: {broken / RECORD} is not a run's record")
