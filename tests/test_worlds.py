"""What shares a board, a column and a row, and what never does."""

import numpy as np
import pytest

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.tables import markdown
from hyperbench.protocol import FEW_SHOT, STANDARD
from hyperbench.records.find import find_runs
from hyperbench.records.record import Cost

RANDOM, EXPERT = np.zeros(8), np.ones(8)
RETURNS = np.array([0.1, 0.2, 0.3, 0.5, 1.5, 0.0, -1.0, 0.6])


@pytest.fixture
def write_arms(write_run):
    def write(**fields):
        write_run("random", RANDOM, is_arm=True, **fields)
        write_run("expert", EXPERT, is_arm=True, **fields)

    return write


@pytest.mark.parametrize(
    ("other", "columns"),
    [
        ({"experts": "e2"}, ("toy/size-v1 (experts e1, numpy)", "toy/size-v1 (experts e2, numpy)")),
        (
            {"physics": "mujoco 9"},
            ("toy/size-v1 (experts e1, numpy)", "toy/size-v1 (experts e1, mujoco 9)"),
        ),
        ({"family": "toy/size-v2"}, ("toy/size-v1", "toy/size-v2")),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_results_of_other_worlds_never_share_a_column(tmp_path, write_run, other, columns):
    """The same family with an expert twice as good: each is scored against its own, and apart.

    Another family, of which there is one world, stands beside the one that was measured most.
    """
    for world, scale in (({}, 1), (other, 2)):
        write_run("random", RANDOM, is_arm=True, **world)
        write_run("expert", np.full(8, 10.0 * scale), is_arm=True, **world)
        write_run("learned", np.full(8, 5.0), **world)
    write_run("extra", np.full(8, 1.0))
    beside = {"family": "toy/other-v1"}
    write_run("random", RANDOM, is_arm=True, **beside)
    write_run("expert", np.full(8, 10.0), is_arm=True, **beside)
    most, least = make_boards(find_runs([tmp_path]))
    assert (most.title, least.title) == ("test-v1, group 1 of 2", "test-v1, group 2 of 2")
    assert (most.families, least.families) == (("toy/other-v1", columns[0]), (columns[1],))
    scores = [{row.method: row["score"].value for row in board.rows} for board in (most, least)]
    assert (scores[0]["learned"], scores[1]["learned"]) == (0.5, 0.25)
    assert scores[1] == {"random": 0, "expert": 1, "learned": 0.25}
    assert "extra" in scores[0]
    for board in (most, least):
        assert any("are on boards of their own" in note for note in board.notes)


def test_each_suite_has_its_own_board(tmp_path, write_run, write_arms):
    write_arms()
    write_run("learned", RETURNS)
    for name in ("zoo/other-v1", "zoo/third-v1"):
        write_arms(family=name)
        write_run("learned", EXPERT, family=name)
    boards = make_boards(find_runs([tmp_path]))
    assert [board.title for board in boards] == ["toy, test-v1", "zoo, test-v1"]
    assert [board.families for board in boards] == [
        ("toy/size-v1",),
        ("zoo/other-v1", "zoo/third-v1"),
    ]
    scores = [
        row["score"].value for board in boards for row in board.rows if row.method == "learned"
    ]
    assert scores == [pytest.approx(0.3375), 1]


def test_other_rules_are_another_board(tmp_path, write_run, write_arms):
    """Nor do results under other rules of one name share a score, with one expert for both."""
    for episodes, returns in ((10, RETURNS), (3, EXPERT)):
        rules = STANDARD.model_copy(update={"num_episodes": episodes})
        write_arms(protocol=rules)
        write_run("learned", returns, protocol=rules)
    boards = make_boards(find_runs([tmp_path]))
    scores = [
        row["score"].value for board in boards for row in board.rows if row.method == "learned"
    ]
    assert sorted(scores) == [pytest.approx(0.3375), 1]


def test_families_are_told_apart_and_pooled(write_run, write_arms, make_tasks, board_of):
    write_arms()
    write_run("learned", RETURNS)
    other = {"family": "toy/other-v1", "tasks": make_tasks(4, family="toy/other-v1")}
    write_run("random", np.zeros(4), is_arm=True, **other)
    write_run("expert", np.ones(4), is_arm=True, **other)
    write_run("learned", np.full(4, 0.9), **other)
    board, rows = board_of()
    assert board.families == ("toy/other-v1", "toy/size-v1")
    expected = {"toy/other-v1": pytest.approx(0.9), "toy/size-v1": pytest.approx(0.3375)}
    assert rows["learned"].by_family["score"] == expected
    told = {family: board.of_family(rows["learned"], family) for family in board.families}
    assert told == expected
    pooled = (8 * 0.3375 + 4 * 0.9) / 12
    assert rows["learned"]["score"].value == pytest.approx(pooled)


def test_changed_settings_are_a_row_of_their_own(write_run, write_arms, board_of):
    write_arms()
    write_run("learned", RETURNS)
    write_run("learned", EXPERT, overrides={"width": 8, "depth": 2})
    _, rows = board_of()
    assert rows["learned [depth=2, width=8]"]["score"].value == 1
    assert rows["learned"]["score"].value == pytest.approx(0.3375)


def test_a_budget_is_on_the_board_with_whom_it_does_not_bind(write_run, write_arms, board_of):
    brief = STANDARD.model_copy(update={"id": "brief-v1", "num_steps": 40})
    write_arms(protocol=brief)
    write_run("learned", RETURNS, protocol=brief, config={"num_steps": 40})
    board, _ = board_of()
    assert "Fits take 40 gradient steps, as the protocol says." in board.notes
    write_run("free", RETURNS, protocol=brief)
    board, _ = board_of()
    said = "Fits take 40 gradient steps, as the protocol says. Not bound by that: free."
    assert said in board.notes


def test_shuffled_specs_are_a_control_row_of_their_own(write_run, write_arms, board_of):
    write_arms()
    write_run("learned", RETURNS, cost=Cost(fit_seconds=3.0))
    write_run("learned", RANDOM, shuffled_spec=True, key="another", overrides={"width": 8})
    board, rows = board_of()
    shuffled = rows["learned [width=8] (shuffled-spec)"]
    assert (shuffled["score"].value, shuffled.is_control, shuffled["num_runs"].value) == (
        0,
        True,
        1,
    )
    assert (rows["learned"].is_control, rows["learned"]["num_runs"].value) == (False, 1)
    assert "| *learned [width=8] (shuffled-spec)* | 0.000 |" in markdown(board)


def test_a_board_with_support_says_which_methods_saw_none(write_run, write_arms, board_of):
    write_arms(protocol=FEW_SHOT)
    write_run("shown", RETURNS, protocol=FEW_SHOT, track="few-shot", num_support=10)
    write_run("blind", EXPERT, protocol=FEW_SHOT)
    _, rows = board_of()
    assert set(rows) == {"random", "expert", "shown", "blind (zero-shot)"}


def test_boards_stand_in_the_order_of_their_names_and_numbers(tmp_path, write_run):
    ids = ["rare-v1", "scarce-5-v1", "scarce-10-v1", "scarce-30-v1"]
    for id_ in ids:
        write_run("learned", RETURNS, protocol=STANDARD.model_copy(update={"id": id_}))
    assert [board.title for board in make_boards(find_runs([tmp_path]))] == ids


def test_each_protocol_has_its_own_board(tmp_path, write_run):
    write_run("learned", RETURNS)
    write_run("learned", EXPERT, protocol=STANDARD)
    same_name = STANDARD.model_copy(update={"num_episodes": 3})
    boards = make_boards(find_runs([tmp_path]))
    assert [board.title for board in boards] == ["standard-v1", "test-v1"]
    # Rules that differ under one name are never mixed, and the board says which are which.
    write_run("learned", RANDOM, protocol=same_name)
    boards = make_boards(find_runs([tmp_path]))
    assert len(boards) == 3
    assert {f"standard-v1 ({p.rules_hash[:6]})" for p in (STANDARD, same_name)} < {
        board.title for board in boards
    }


@pytest.mark.parametrize(
    "other", [{"method_version": 2}, {"device": "cuda"}, {"config": {"width": 64}}]
)
def test_versions_devices_and_settings_never_share_a_row(write_run, write_arms, board_of, other):
    write_arms()
    write_run("learned", RETURNS)
    write_run("learned", EXPERT, key="another", **other)
    _, rows = board_of()
    assert "learned" not in rows
    assert len([name for name in rows if name.startswith("learned (version ")]) == 2
