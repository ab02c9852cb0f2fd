"""Worker processes by themselves: what ends one, or comes back of it, and which seconds count."""

import os
from pathlib import Path

import pytest

from hyperbench.errors import HyperbenchError
from hyperbench.events import DEMONSTRATING, WAITING, Event, ignore
from hyperbench.executors import Site
from hyperbench.executors.local import Processes
from hyperbench.executors.process import Worker


class Deadly:
    """Ends whatever process unpacks it."""

    def __reduce__(self):
        return os._exit, (5,)


def test_what_has_not_begun_is_not_lost():
    with pytest.raises(HyperbenchError, match=r"end before they begin: .* with status 5"):
        list(Processes(1).map(lambda *_: None, [Deadly()], Site(Path(), Path()), ignore))


class Unruly(Exception):
    """Which cannot be copied."""

    def __init__(self, one, two):
        super().__init__(one)


def test_an_error_that_cannot_travel_is_told_and_workers_serve_again():
    def function(item, site, notify):
        if item == "raise":
            raise Unruly("it broke", 2)
        return item

    with Processes(2) as executor:
        done = executor.map(function, ["a", "b"], Site(Path(), Path()), ignore)
        assert sorted(outcome.result for outcome in done) == ["a", "b"]
        with pytest.raises(RuntimeError, match="Unruly: it broke") as raised:
            list(executor.map(function, ["raise"], Site(Path(), Path()), ignore))
        assert "in function" in raised.value.__notes__[0]
        (again,) = executor.map(function, ["c"], Site(Path(), Path()), ignore)
        assert again.result == "c"


def test_demonstrations_are_in_no_runs_time(monkeypatch):
    now = 100.0
    monkeypatch.setattr("hyperbench.executors.process.time.monotonic", lambda: now)
    worker = Worker()
    assert worker.seconds == 0
    worker.begun = now
    for after, stage, seconds in [
        (1, "judging", 1),
        (2, WAITING, 3),
        (50, WAITING, 3),
        (50, DEMONSTRATING, 3),
        (50, DEMONSTRATING, 3),
        (7, "fitting", 3),
        (4, "fitting", 7),
    ]:
        now += after
        worker.heed(Event("a run", stage))
        assert worker.seconds == seconds
