"""The same runs on two machines: rounding makes no other result; true contradictions are told."""

import shutil

import numpy as np
import pytest

from hyperbench.boards.leaderboard import make_boards
from hyperbench.commands.merge import merge_command
from hyperbench.errors import DataError
from hyperbench.records.agreement import ELSEWHERE_TOLERANCE, agree
from hyperbench.records.find import find_runs
from hyperbench.records.gather import gather, merge
from hyperbench.records.store import StoredRun, write_record
from hyperbench.testing import LineFamily

RETURNS = np.linspace(-3.0, 900.0, 8)
NOTE = "Measured more than once with the same result but for rounding"


@pytest.fixture
def machines(tmp_path):
    return [tmp_path / "one", tmp_path / "two"]


@pytest.fixture
def write(write_run, machines, make_record):
    """Write a run as measured on one of the two machines, the second a day later."""
    provenance = make_record().provenance

    def run(method, returns, machine, *, same_processor=False, **fields):
        name = "a machine" if same_processor else f"machine {machine}"
        made = {"created": f"2026-01-0{machine + 1}T00:00:00+00:00", "machine": name}
        provenance_ = provenance.model_copy(update=made)
        return write_run(method, returns, runs=machines[machine], provenance=provenance_, **fields)

    return run


def test_what_differs_by_rounding_is_merged_whatever_the_order(write, machines, tmp_path, capsys):
    first = write("learned", RETURNS, 0)
    second = write("learned", RETURNS + np.eye(8)[7] * 1.2e-13, 1)
    assert StoredRun.read(first).record.results != StoredRun.read(second).record.results
    for order in (machines, machines[::-1]):
        output = tmp_path / f"all-{order[0].name}"
        merge_command(order, output)
        assert f"note: {NOTE}" in capsys.readouterr().out.replace("\n", " ")
        (kept,) = find_runs([output])
        assert StoredRun.read(kept).record == StoredRun.read(first).record
    assert merge(machines, machines[0]) == ()
    merge(machines, machines[1])
    assert StoredRun.read(second).record == StoredRun.read(first).record


def test_a_board_of_both_machines_has_the_run_once_with_a_note(write, machines):
    for machine in range(2):
        rounding = machine * 1e-13
        write("random", np.zeros(8), machine, is_arm=True)
        write("expert", np.full(8, 1000.0), machine, is_arm=True)
        write("learned", RETURNS + rounding, machine)
    (board,) = make_boards(find_runs(machines))
    (again,) = make_boards(find_runs(machines[::-1]))
    assert board == again
    (row,) = [row for row in board.rows if row.method == "learned"]
    assert row["num_runs"].value == 1
    (note,) = [note for note in board.notes if NOTE in note]
    assert note.endswith(": learned.")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (1e-13, {"same_processor": True}),  # where every bit should be equal
        (2 * ELSEWHERE_TOLERANCE * 1000, {}),
        (np.nan, {}),
    ],
)
def test_what_verify_would_not_accept_is_a_contradiction(write, machines, change, fields):
    runs = [write("learned", RETURNS + (change if i else 0), i, **fields) for i in range(2)]
    assert not agree(*map(StoredRun.read, runs))
    with pytest.raises(DataError, match="Two different records of one run"):
        gather(runs)


def test_other_policies_are_a_contradiction_whatever_they_earn(make_record, make_table, tmp_path):
    family = LineFamily()
    tasks = family.tasks[:3]
    runs = []
    for machine in range(2):
        record = make_record("learned", tasks=tasks)
        named = record.provenance.model_copy(update={"machine": f"machine {machine}"})
        policies = family.expert(tasks if machine == 0 else tasks[::-1])
        table = make_table(tasks, np.zeros((3, 2)))
        record = record.model_copy(update={"provenance": named})
        runs.append(write_record(tmp_path / str(machine), record, table, policies))
    assert agree(runs[0], runs[0])
    assert not agree(*runs)


def test_all_contradictions_are_named(write, machines, tmp_path):
    for seed in range(8):
        for machine in range(2):
            write("learned", RETURNS + machine * (seed > 0), machine, fit_seed=seed)
    with pytest.raises(DataError) as caught:
        merge(machines, tmp_path / "all")
    said = str(caught.value)
    assert said.count(str(machines[0])) == said.count(str(machines[1])) == 5
    assert "and 2 more" in said
    assert not (tmp_path / "all").exists()


def test_a_board_keeps_its_own_copy_of_what_is_equal(write, machines, tmp_path):
    published = write("learned", RETURNS, 1)
    board = tmp_path / "boards" / "toy" / "test-v1"
    place = board / "records" / "learned" / published.name
    shutil.move(published, place)
    (board / "protocol.json").write_text("{}")
    own = write("learned", RETURNS + 1e-13, 0)
    found = gather([own, place])
    assert [run.folder for run in found.runs] == [place]
    assert (len(found.rounded), found.remeasured) == (1, ())
