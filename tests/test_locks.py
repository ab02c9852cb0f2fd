"""Locks: one holds, others wait, and what the dead have held is free."""

import os
import socket
import subprocess
import sys

import pytest
from filelock import SoftFileLease

from hyperbench.errors import StorageError
from hyperbench.measuring import locks
from hyperbench.measuring.locks import has_locks, holder, lock_path, locked

HOLDS = """
import sys, time
from pathlib import Path
from hyperbench.measuring import locks
if sys.argv[2] == "without":
    locks.has_locks = lambda folder: False
with locks.locked(Path(sys.argv[1]), "") as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["with", "without"])
def kind(request, monkeypatch):
    """File systems with locks and without."""
    if request.param == "without":
        monkeypatch.setattr(locks, "has_locks", lambda _: False)
    return request.param


def test_one_holds_and_nothing_is_left(tmp_path, kind):
    path = lock_path(tmp_path, "one")
    assert holder(path) is None
    with locked(path, "") as first:
        assert first
        found = holder(path)
        assert (found.host, found.pid) == (socket.gethostname(), os.getpid())
        with locked(path, "", 0.1) as second:
            assert not second
        with locked(lock_path(tmp_path, "other"), "") as other:
            assert other
    assert holder(path) is None
    assert list(path.parent.iterdir()) == []
    with locked(path, "") as again:
        assert again


def test_what_the_dead_have_held_is_free(tmp_path, kind):
    path = lock_path(tmp_path, "one")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path), kind], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "True\n"
        assert holder(path).pid == process.pid
        with locked(path, "") as mine:
            assert not mine
    finally:
        process.kill()
        process.communicate()
    with locked(path, "", 5) as mine:
        assert mine


@pytest.mark.thorough  # waits as long as an owner may be silent
def test_a_lock_of_a_dead_machine_is_taken_over(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "has_locks", lambda _: False)
    monkeypatch.setattr(locks, "_LEASE_SECONDS", 3.0)
    path = lock_path(tmp_path, "one")
    path.parent.mkdir()
    lease = SoftFileLease(path, lease_duration=3.0)
    lease.acquire()
    said = path.read_bytes()
    lease.release()
    path.write_bytes(said.replace(socket.gethostname().encode(), b"another-machine"))
    with locked(path, "") as mine:
        assert not mine
    with locked(path, "", 10) as mine:
        assert mine


def test_what_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StorageError, match=r"cannot be written.*Elsewhere"),
        locked(lock_path(tmp_path / "file", "one"), "Elsewhere."),
    ):
        pass


def test_whether_there_are_locks_is_tried(tmp_path, monkeypatch):
    assert has_locks(tmp_path)

    class None_:
        def __init__(self, *_, **__):
            pass

        def __enter__(self):
            raise OSError(95, "Operation not supported")

        def __exit__(self, *_):
            pass

    (tmp_path / "odd").mkdir()
    monkeypatch.setattr(locks, "FileLock", None_)
    assert not has_locks(tmp_path / "odd")
