"""A committed board can be read wherever runs can, as docs/boards.md promises."""

from pathlib import Path

import pytest

from hyperbench.records.find import find_runs

BOARD = Path(__file__).parents[2] / "leaderboards" / "pointmass" / "standard-v1"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("compare conditional uvfa BOARD", "conditional beats uvfa"),
        ("plan --mde 0.05 -m conditional BOARD", "A difference of 0.05 needs"),
        ("export BOARD -f csv -o TMP/board.csv", ""),
        ("export BOARD -f rliable -o TMP/board.npz", ""),
        ("publish BOARD -b TMP/boards", "21 rows of 105 runs"),
    ],
)
def test_what_reads_runs_reads_a_board(command, shown, tmp_path, say):
    words = command.replace("BOARD", str(BOARD)).replace("TMP", str(tmp_path)).split()
    before = find_runs([BOARD])
    code, out, err = say(*words)
    assert not code, err
    assert shown in " ".join(out.split())
    assert find_runs([BOARD]) == before
