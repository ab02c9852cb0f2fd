"""Families are carried out one after the other, and each one's board is shown when it is done."""

from types import SimpleNamespace

import numpy as np
import pytest

from hyperbench.commands.growing import GrowingBoard
from hyperbench.events import ignore
from hyperbench.measuring.order import in_order
from hyperbench.measuring.sharing import Due
from hyperbench.records.store import StoredRun


@pytest.fixture
def runs(write_run):
    """Per family the records of a learned method, and of two arms that its scores need."""
    found = {}
    for family in ("toy/a-v1", "toy/b-v1"):
        for method, level in {"random": 0.0, "expert": 1.0, "clone": 0.5}.items():
            folder = write_run(
                method,
                level + np.arange(8) / 100,
                family=family,
                is_arm=method != "clone",
            )
            found[method, family] = StoredRun.read(folder).record
    return found


@pytest.fixture
def grow(tmp_path, capsys):
    """Take in that runs have ended; gives what each of them made appear."""

    def seen(planned, due, ended, notify=ignore, made=lambda _: None):
        growing = GrowingBoard(planned, {run.key for run in due}, tmp_path / "runs", notify, made)
        shown = []
        for run in ended:
            growing.add(run)
            shown.append(capsys.readouterr().err)
        return shown, growing.families

    return seen


def test_a_family_is_shown_once_its_last_run_has_ended(runs, grow):
    planned, events, boards = list(runs.values()), [], []
    *early, last = planned[:3]
    ended = [*early, planned[4], last]
    (*nothing, board), left = grow(planned, planned, ended, events.append, boards.append)
    assert nothing == ["", "", ""]
    assert board.startswith("toy/a-v1, test-v1")
    assert [line.split()[0] for line in board.splitlines() if ".000" in line or ".5" in line] == [
        "expert",
        "clone",
        "random",
    ]
    assert "toy/b-v1" not in board
    assert left == ("toy/b-v1",)
    assert [made.families for made in boards] == [("toy/a-v1",)]
    (event,) = events
    assert (event.run, event.stage, event.status) == ("toy/a-v1", "board", "ok")


def test_what_was_finished_before_is_on_the_board_and_waited_for_no_more(runs, grow):
    planned = list(runs.values())
    due = [runs["clone", "toy/b-v1"]]
    (board,), left = grow(planned, due, due)
    assert board.startswith("toy/b-v1, test-v1")
    assert board.count("1.000") >= 1
    assert left == ()


def test_the_only_family_is_shown_in_the_end_alone(runs, grow):
    planned = [run for (_, family), run in runs.items() if family == "toy/a-v1"]
    shown, left = grow(planned, planned, planned)
    assert (set(shown), left) == ({""}, ())


def test_a_board_that_cannot_be_made_costs_no_run(runs, grow, tmp_path):
    planned = list(runs.values())
    for run in planned[:3]:
        (tmp_path / "runs" / run.key / "record.json").unlink()
    shown, _ = grow(planned, planned, planned)
    assert "The board of toy/a-v1 cannot be shown yet: DataError: " in shown[2]
    assert shown[5].startswith("toy/b-v1, test-v1")


def carried_out(runs, registry):
    return [due.run.key for due in in_order([Due(run) for run in runs], registry)]


@pytest.fixture
def small_and_large(pointmass):
    """A registry whose family b has as many tasks as a, and fewer numbers in an observation."""
    shapes = {"toy/a-v1": (9,), "toy/b-v1": (4,)}

    def make_family(id_):
        return SimpleNamespace(
            info=pointmass.info,
            tasks=pointmass.tasks,
            spec_space=pointmass.spec_space,
            observation_space=SimpleNamespace(shape=shapes[id_]),
        )

    return SimpleNamespace(make_family=make_family)


def test_the_cheapest_family_comes_first_and_arms_while_its_first_fit_has_experts_play(
    runs, small_and_large, make_record
):
    more = [make_record("other", family=family) for family in ("toy/a-v1", "toy/b-v1")]
    names = {run.key: (run.family[4], run.method) for run in (*runs.values(), *more)}
    planned = [*runs.values(), *more]
    expected = [
        (family, method) for family in "ba" for method in ("clone", "random", "expert", "other")
    ]
    assert [names[key] for key in carried_out(planned, small_and_large)] == expected


def test_a_family_with_little_left_to_do_comes_first(runs, small_and_large):
    left = [
        run for (method, family), run in runs.items() if family != "toy/a-v1" or method == "random"
    ]
    assert carried_out(left, small_and_large)[0] == runs["random", "toy/a-v1"].key
