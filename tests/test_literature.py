"""What papers report: labelled, whole, and never in one table with what was measured here."""

import json
from pathlib import Path

import pytest

from hyperbench.boards.literature import PUBLISHED, find_literature
from hyperbench.commands.leaderboard import leaderboard_command
from hyperbench.errors import DataError, HyperbenchError

FOLDER = Path(__file__).parents[1] / "leaderboards" / "published"
HYPOGEN = FOLDER / "hypogen-2025"


def test_every_published_table_says_where_it_comes_from():
    (tables,) = find_literature([FOLDER]).values()
    assert len(tables) == 5
    for table in tables:
        assert table.cells.title.startswith("Published, not measured here: ")
        assert table.source in "".join(table.notes)
        assert table.url.startswith("https://")
        assert table.remarks


def test_the_papers_figures():
    """Its own summary, shares of the expert's return, follows from the numbers copied."""
    (tables,) = find_literature([HYPOGEN]).values()
    rows = tables[0].rows
    shares = [a / b for a, b in zip(rows["HyPoGen"], rows["expert"], strict=True)]
    reported = [0.94, 0.96, 0.67, 0.86, 0.68, 0.40, 0.60, 0.79, 0.50]
    assert shares == pytest.approx(reported, abs=0.006)
    by_column = dict(zip(tables[1].columns, tables[1].rows["HyPoGen"], strict=True))
    assert (by_column["lift-stiffness"], by_column["pick-arm"]) == (97, 53)


def test_shown_after_and_apart_from_measured_rows(tmp_path, write_run, capsys):
    write_run("learned", [1.0, 2.0, 3.0])
    leaderboard_command([HYPOGEN, tmp_path / "runs"], "markdown", None)
    measured, *published = capsys.readouterr().out.split("### Published, not measured here: ")
    assert len(published) == 5
    assert "| learned |" in measured
    assert not any("learned" in text for text in published)
    assert "| HyPoGen | 819 | 927 |" in published[0]
    leaderboard_command([HYPOGEN], "table", tmp_path / "table.txt")
    assert "HyPoGen" in (tmp_path / "table.txt").read_text()


@pytest.mark.parametrize("format_", ["csv", "json", "latex"])
def test_other_formats_hold_measured_rows_alone(format_):
    with pytest.raises(HyperbenchError, match="Published figures are shown as table or markdown"):
        leaderboard_command([HYPOGEN], format_, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": {"m": [1]}}, "row 'm' has 1 of 2 numbers"),
        ({"source": None}, "0.source: "),
        ({"scores": 1}, "0.scores: "),
    ],
)
def test_damaged_tables_are_named(tmp_path, change, message):
    table = dict.fromkeys(("title", "source", "url", "table", "metric"), "text")
    table |= {"columns": ["a", "b"], "rows": {"m": [1, None]}}
    (tmp_path / PUBLISHED).write_text(json.dumps([table]))
    assert find_literature([tmp_path])[tmp_path][0].cells.rows == (("m", "1", "–"),)
    (tmp_path / PUBLISHED).write_text(json.dumps([{**table, **change}]))
    with pytest.raises(DataError, match=PUBLISHED) as caught:
        find_literature([tmp_path])
    assert message in str(caught.value)
