"""What takes a process away, or a terminal or a disk, costs the one run it took, and no other."""

import errno
import json
import os
import pty
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

PLUGIN = '''
import os, signal, subprocess, sys, time
from pathlib import Path
from typing import ClassVar
import numpy as np
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.hookspecs import FamilyEntry, MethodEntry, SuiteEntry, hookimpl
from hyperbench.search import Range
from hyperbench.testing import LineFamily

METHODS = ("sound", "killed", "left", "exited", "endless", "big")
FAMILIES = ("line", "raising", "dying")

class Family(LineFamily):
    def __init__(self, name):
        super().__init__()
        self.info = type(self.info)(**{**vars(self.info), "id": f"unruly/{name}-v1"})

    def demonstrators(self, tasks):
        if "raising" in self.info.id:
            raise ValueError("no expert today")
        if "dying" in self.info.id:
            os._exit(7)
        return super().demonstrators(tasks)

class Method(PolicyGenerator):
    class Config(MethodConfig):
        """Settings."""

        SEARCH: ClassVar = {"rate": Range(0.1, 1.0)}

        rate: float = 0.5
        """Means nothing."""
        pids: str = ""
        """Where the fit and what it starts leave their process ids."""

    name = ""

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        progress(1, 2, 0.5)
        print("from the method")
        if self.name == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.name == "left":
            os._exit(0)
        if self.name == "exited":
            sys.exit("no licence")
        if self.name == "endless":
            if self.config.pids:
                started = subprocess.Popen(["sleep", "600"])
                place = Path(self.config.pids) / f"{os.getpid()}"
                place.with_suffix(".draft").write_text(f"{os.getpid()} {started.pid}")
                place.with_suffix(".draft").rename(place)
            while True:
                time.sleep(60)
        return FitReport(1, 1, 0.5, 1)

    def generate(self, specs, support=None):
        return LineFamily().expert(specs)

    def save(self, path):
        if self.name == "big":
            from safetensors.numpy import save_file
            save_file({"a": np.zeros(500_000)}, path / "a.safetensors")

    def load(self, path):
        pass

for _name in METHODS:
    globals()[_name] = type(_name, (Method,), {"name": _name, "__module__": __name__})

@hookimpl
def hyperbench_methods():
    return [MethodEntry(name, f"unruly:{name}", name) for name in METHODS]

@hookimpl
def hyperbench_families():
    return [
        FamilyEntry(f"unruly/{n}-v1", "unruly:Family", n, arguments={"name": n}) for n in FAMILIES
    ]

@hookimpl
def hyperbench_suites():
    return [SuiteEntry("unruly", [f"unruly/{n}-v1" for n in FAMILIES], "all")]
'''
ARMS = {"random", "zero-action", "nearest-expert", "reuse-bound", "expert"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with an installed plugin."""
    folder = tmp_path_factory.mktemp("unruly")
    (folder / "unruly.py").write_text(PLUGIN)
    info = folder / "hb_unruly-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hb-unruly\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[hyperbench]\nunruly = unruly\n")
    # What a container with a read-only /dev/shm answers to whoever makes a semaphore.
    (folder / "no_shm").mkdir()
    (folder / "no_shm" / "sitecustomize.py").write_text(
        textwrap.dedent(
            f"""
            import _multiprocessing
            class SemLock:
                SEM_VALUE_MAX = 1
                def __new__(cls, *_):
                    raise OSError({errno.EROFS}, "Read-only file system")
            _multiprocessing.SemLock = SemLock
            """
        )
    )
    return folder


@pytest.fixture(scope="module")
def start(place):
    """Start ``hyperbench`` in the folder of the plugin, as a script that has no guard."""

    def begin(line, *, stdin=None, shm=True, **options):
        words = line.split()
        script = f"import sys\nfrom hyperbench.cli import main\nsys.argv[1:] = {words}\nmain()\n"
        (place / "script.py").write_text(script)
        path = [str(place), *([] if shm else [str(place / "no_shm")])]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(
            [sys.executable, "-" if stdin else "script.py"],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            text=True,
            cwd=place,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]),
                "HYPERBENCH_DATA_DIR": str(place / "data"),
                "HYPERBENCH_LOAD_PLUGINS": "unruly",
                "COLUMNS": "300",
            },
            **options,
        )
        if stdin:
            process.stdin.write(script)
            process.stdin.close()
            process.stdin = None
        return process

    return begin


@pytest.fixture(scope="module")
def hyperbench(start):
    """Give a command; its exit status, standard output and error."""

    def run(line, **options):
        process = start(line, **options)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return run


def records(folder: Path):
    """All records of a folder, by method and family."""
    found = [json.loads(file.read_text()) for file in folder.glob("*/record.json")]
    return {(record["method"], record["family"]): record for record in found}


def ended(folder: Path, family="unruly/line-v1"):
    """How each run of a family ended, by method: with an error, or None."""
    return {
        method: record["error"]
        for (method, id_), record in records(folder).items()
        if id_ == family
    }


@pytest.fixture(scope="module")
def measured(place, hyperbench):
    """Two workers, of which three are lost or left."""
    names = ("killed", "left", "exited", "sound")
    asked = " ".join(f"-m {name}" for name in names)
    return hyperbench(f"run {asked} -s unruly/line --no-baselines -j 2 -o two")


KILLED = "killed by signal 9 (SIGKILL), out of memory?"


def test_a_killed_worker_costs_the_run_that_it_held(place, measured):
    code, out, err = measured
    assert code == 1, err
    assert ended(place / "two") == {
        **dict.fromkeys(ARMS),
        "sound": None,
        "killed": KILLED,
        "left": "its process ended by itself, with status 0",
        "exited": "SystemExit: no licence",
    }
    assert "[9/9]" in err
    assert f"killed on unruly/line-v1 (split 0, fit 0): failed: {KILLED}" in err
    assert "from the method" in err
    assert "from the method" not in out
    assert KILLED in out


def test_a_failed_run_says_where_its_traceback_is(place, measured):
    _, _, err = measured
    key = records(place / "two")["exited", "unruly/line-v1"]["key"]
    assert f"failed: see {place / 'two' / key / 'record.json'}; --debug shows its traceback" in err
    assert "Traceback" not in err


def test_one_worker_or_one_run_are_no_different_and_a_late_one_is_stopped(
    place, measured, hyperbench
):
    rest = "-s unruly/line --no-baselines -j 1 -o two"
    code, _, err = hyperbench(f"--debug run -m killed -m exited {rest}")
    assert code == 1, err
    assert "5 of 7 runs are finished" in err
    assert "[2/2]" in err
    assert "Traceback" in err
    assert 'sys.exit("no licence")' in err
    code, _, err = hyperbench(f"run -m endless --timeout 1 {rest}")
    assert code == 1, err
    assert ended(place / "two").items() >= {
        ("killed", KILLED),
        ("exited", "SystemExit: no licence"),
        ("endless", "stopped: it took longer than 1 s"),
    }


def test_an_expert_that_fails_costs_its_own_family_alone(place, measured, hyperbench):
    line = "run -m sound -s unruly --no-baselines -j 2 -o families --json --events families.jsonl"
    code, out, err = hyperbench(line)
    assert code == 1, err
    (board,) = json.loads(out)
    assert len(board["families"]) == 3
    told = [json.loads(line) for line in (place / "families.jsonl").read_text().splitlines()]
    grown = [event["run"] for event in told if event["stage"] == "board"]
    assert sorted(grown) == sorted(board["families"])
    assert [
        line.split(",")[0]
        for line in err.splitlines()
        if line.startswith("unruly/") and ", quick-v2" in line
    ] == grown
    assert "; next board: unruly/" in err
    no = {
        "raising": "ValueError: no expert today",
        "dying": "its process ended by itself, with status 7",
    }
    for name, why in no.items():
        id_ = f"unruly/{name}-v1"
        assert f"failed: no demonstrations of {id_}: {why}" in err
        found = ended(place / "families", id_)
        assert found["sound"] == f"no demonstrations of {id_}: {why}"
        assert {found["nearest-expert"], found["reuse-bound"]} == {why}
        assert found["expert"] is found["random"] is found["zero-action"] is None
    assert set(ended(place / "families").values()) == {None}


def test_progress_that_cannot_be_written_falls_silent(place, measured, hyperbench):
    """A full disk under standard error, a script from standard input, and no semaphores."""
    with open("/dev/full", "w") as full:
        code, out, _ = hyperbench(
            "run -m sound -s unruly/line --no-baselines -j 2 -o silent",
            stdin=True,
            shm=False,
            stderr=full,
        )
    assert code == 0
    assert "nearest-expert" in out
    assert ended(place / "silent") == dict.fromkeys({*ARMS, "sound"})


def test_what_has_no_room_on_the_disk_fails_and_says_so(place, measured, hyperbench):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    code, _, err = hyperbench(
        "run -m big -s unruly/line --no-baselines -j 1 -o full", preexec_fn=limit
    )
    assert code == 1, err
    found = ended(place / "full")
    why = found.pop("big")
    assert found == dict.fromkeys(ARMS)
    assert "cannot be written: File too large. Choose another place with --output-dir." in why
    assert why in err


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(done, seconds=60):
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("SIGTERM", marks=pytest.mark.thorough),
        "SIGKILL",
        # What is different is which default handler there is.
        pytest.param("SIGHUP", marks=pytest.mark.thorough),
        pytest.param("SIGINT", marks=pytest.mark.thorough),
    ],
)
def test_whatever_ends_the_command_leaves_nothing_running(place, measured, start, name):
    pids = place / name
    pids.mkdir()
    number = getattr(signal, name)
    line = f"run -m endless -s unruly/line --no-baselines -j 2 --seeds 2 -o {name}.runs"
    # What starts the tests may have them ignore signals, which a command would inherit: a shell
    # in the background SIGINT, nohup SIGHUP.
    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    process = start(f"{line} --set pids={pids}")
    for ours, handler in handlers.items():
        signal.signal(ours, handler)
    try:
        wait_until(lambda: len([f for f in pids.iterdir() if not f.suffix]) == 2)
        started = [int(pid) for file in pids.iterdir() for pid in file.read_text().split()]
        assert len(started) == 4
        assert all(map(is_alive, started))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    wait_until(lambda: not any(map(is_alive, started)), 20)
    if name == "SIGKILL":
        assert process.returncode == -number
    else:
        assert process.returncode == 128 + number
        assert "Finished runs are kept; the same command goes on:\n" in err
        assert f"  hyperbench {line} --set pids={pids}" in err
    assert "endless" not in ended(place / f"{name}.runs")


@pytest.mark.thorough  # what writes there is the same as for a full disk
def test_a_terminal_that_is_closed_ends_nothing(place, measured, start):
    ours, theirs = pty.openpty()
    process = start(
        "run -m sound -s unruly/line --no-baselines -j 1 -o closed", stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    assert os.read(ours, 10)
    os.close(ours)
    code = process.wait(timeout=120)
    assert (ended(place / "closed"), code) == (dict.fromkeys({*ARMS, "sound"}), 0)


@pytest.mark.thorough  # the same workers as those of runs
def test_a_killed_fit_is_a_failed_trial(place, measured, hyperbench):
    pytest.importorskip("optuna")
    code, out, err = hyperbench("tune -m killed -s unruly/line -p quick-v1 --splits 1 -n 2 -o s")
    assert code == 2, err
    assert f"trial 0: {KILLED}" in out
    assert "All 2 trials of 'killed' failed." in err
