"""What is running and when what is next will be there, by a clock that tests set."""

import io

import pytest
from rich.console import Console

from hyperbench.events import Event
from hyperbench.view.progress import LiveProgress, PlainProgress
from hyperbench.view.tally import Tally


class Clock:
    """Shows what a test sets."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def runs(make_record):
    """Two families of one fit and three arms each, by key; the first family's first."""
    found = {}
    for family in ("toy/a-v1", "toy/b-v1"):
        for method in ("fit", "random", "zero-action", "expert"):
            name = f"{method} {family[4]}"
            found[name] = make_record(method, family=family, is_arm=method != "fit", key=name)
    return found


@pytest.fixture
def tally(runs, clock):
    return Tally({key: key for key in runs}, runs, ("toy/a-v1", "toy/b-v1"), clock)


def test_the_time_left_is_that_of_each_kind_of_run(tally, clock):
    tally.hear(Event("fit a", "fitting", 1, 101))
    tally.hear(Event("random a", "judging"))
    assert str(tally) == "2 running, 6 waiting; next board: toy/a-v1"
    clock.now = 4.0
    tally.hear(Event("random a", "judging", status="ok"))
    tally.hear(Event("zero-action a", "judging"))
    # Arms have ended within seconds. A mean of all that has ended would say so of the fits, too.
    tally.hear(Event("fit a", "fitting", 11, 101))
    # a: the fit 36 s more; two arms of 4 s beside it. b: a fit of 40 s from second 8 on, and three
    # arms of 4 s after the first one's fit.
    assert str(tally) == (
        "1 done, 2 running, 5 waiting, about 48 s left; next board: toy/a-v1 in about 36 s"
    )
    clock.now = 34.0  # nothing is heard, and time passes; an arm that is late is nearly done
    assert str(tally).endswith("next board: toy/a-v1 in about 7 s")


def test_what_has_ended_counts_and_not_what_a_fit_had_promised(tally, clock):
    for key, seconds in {"fit a": 100.0, "random a": 2.0, "zero-action a": 2.0}.items():
        tally.hear(Event(key, "fitting", 0, 10))
        clock.now += seconds
        tally.hear(Event(key, "judging", status="ok"))
    tally.hear(Event("expert a", "judging"))
    tally.hear(Event("expert a", "failing", status="failed", message="no"))
    # One at a time: a fit of 100 s and arms of 2, 2 and 0 s.
    assert str(tally) == (
        "3 done, 1 failed, 4 waiting, about 2 min left; next board: toy/b-v1 in about 2 min"
    )


def test_of_arms_alone_nobody_concludes_how_long_fits_take(tally, clock):
    tally.hear(Event("random a", "judging"))
    clock.now = 1.0
    tally.hear(Event("random a", "judging", status="ok"))
    assert str(tally) == "1 done, 7 waiting; next board: toy/a-v1"


def test_a_fit_that_went_on_is_measured_from_there(tally, clock):
    tally.hear(Event("fit a", "fitting", 900, 1000))
    clock.now = 10.0
    assert tally.hear(Event("fit a", "fitting", 950, 1000)).seconds_left == pytest.approx(10.0)


def test_what_is_no_run_of_theirs_is_shown_and_not_counted(tally):
    tally.hear(Event("toy/a-v1", "demonstrations", 1, 10))
    assert tally.running() == "toy/a-v1: demonstrations 1/10"
    tally.hear(Event("toy/a-v1", "demonstrations", status="ok"))
    assert tally.num_ended == 0
    assert str(tally) == "8 waiting; next board: toy/a-v1"


def test_without_boards_none_is_announced(clock):
    tally = Tally({"0": "trial 0", "1": "trial 1"}, clock=clock)
    tally.hear(Event("0", "fitting"))
    clock.now = 7200.0
    tally.hear(Event("0", "fitting", status="ok"))
    assert str(tally) == "1 done, 1 waiting, about 2 h 0 min left"


def test_a_log_says_what_is_running_and_when_the_next_board_is_there(runs, tally, clock):
    file = io.StringIO()
    labels = {key: key for key in runs}
    log = PlainProgress(labels, Console(file=file), tally, clock=clock)
    log(Event("fit a", "fitting", 1, 11))
    log(Event("random a", "judging"))
    clock.now = 5.0
    log(Event("fit a", "fitting", 2, 11))  # too soon for a line
    log(Event("random a", "judging", status="ok"))
    log.tell()
    seen = "1 done, 1 running, 6 waiting, about 1 min left; next board: toy/a-v1 in about 45 s"
    assert file.getvalue().splitlines() == [
        "fit a: fitting 1/11",
        "random a: judging",
        f"[1/8] random a: ok  ({seen})",
        f"running: fit a: fitting 2/11  ({seen})",
    ]


def test_a_log_tells_it_by_itself(tally):
    class Told(io.StringIO):
        def write(self, text):
            written = super().write(text)
            log._over.set() if "running: nothing" in text else None
            return written

    file = Told()
    log = PlainProgress({}, Console(file=file), tally, tell_seconds=0.01)
    with log:
        assert log._over.wait(10)
    assert file.getvalue().startswith("running: nothing  (8 waiting; next board: toy/a-v1)")


def test_a_terminal_says_it_below_the_bars_whole_and_a_board_stands_above(runs, tally, clock):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60, height=30)
    with LiveProgress({key: key for key in runs}, console, tally) as live:
        live(Event("fit a", "fitting", 1, 11))
        console.print("the board")
        clock.now = 5.0
        live(Event("fit a", "fitting", 2, 11))
    said = file.getvalue()
    assert "fit a: fitting" in said
    last = said[said.rindex("all runs") :]
    assert "1 running, 7 waiting; next board: toy/a-v1" in last
    assert said.index("the board") < said.rindex("all runs")


def test_one_run_alone_is_not_counted(tally):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=60)
    with LiveProgress({"one": "one"}, console, tally) as live:
        live(Event("one", "fitting", 1, 2))
    assert "waiting" not in file.getvalue()
