"""Files made of runs: one line a run and task, arrays for rliable, and what they refuse."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.tables import TEXT_FORMATS
from hyperbench.commands.export import export_command
from hyperbench.errors import DataError, HyperbenchError, UnknownNameError
from hyperbench.protocol import STANDARD
from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun
from hyperbench.statistics import clipped_mean

SCORES = np.arange(8) / 10


@pytest.fixture
def write_rows(write_run, make_tasks):
    """Two families, two splits, two fits; of the method's eight runs one is missing, one failed."""
    small = {"family": "toy/other-v1", "tasks": make_tasks(4, family="toy/other-v1")}

    def write(**fields):
        for split in (0, 1):
            for level, arm in enumerate(("random", "expert")):
                shared = {"is_arm": True, "split_seed": split, **fields}
                write_run(arm, np.full(8, 10.0 * level), **shared)
                write_run(arm, np.full(4, 10.0 * level), **shared, **small)
            for fit in (0, 1):
                seeds = {"split_seed": split, "fit_seed": fit, **fields}
                if (split, fit) != (0, 1):
                    write_run("learned", 10 * (SCORES + split), **seeds)
                write_run(
                    "learned", None if (split, fit) == (1, 1) else np.full(4, 5.0), **seeds, **small
                )

    return write


@pytest.fixture
def exported(tmp_path):
    def write(format_):
        output = tmp_path / f"file.{format_}"
        export_command([tmp_path / "runs"], format_, output)
        return output

    return write


def test_parquet_has_one_line_a_run_and_task(tmp_path, write_rows, exported):
    write_rows()
    table = pd.read_parquet(exported("parquet"))
    finished = [
        r for f in find_runs([tmp_path / "runs"]) if (r := StoredRun.read(f).record).status == "ok"
    ]
    assert len(table) == sum(len(record.targets) for record in finished)
    assert table.groupby("run").size().to_dict() == {r.key: len(r.targets) for r in finished}
    learned = table[(table["method"] == "learned") & (table["family"] == "toy/size-v1")]
    one = learned[(learned["split_seed"] == 1) & (learned["fit_seed"] == 0)]
    np.testing.assert_allclose(np.sort(one["score"]), SCORES + 1)
    assert set(table["protocol"]) == {"test-v1"}
    features = one["features"].map(json.loads)
    np.testing.assert_allclose([entry["size"] for entry in features], np.linspace(0, 1, 8))


def test_rliable_gets_an_array_of_scores_for_each_method(write_rows, exported):
    write_rows()
    with np.load(exported("rliable")) as file:
        arrays = dict(file)
    assert set(arrays) == {"random", "expert", "learned"}
    learned = arrays["learned"]
    assert learned.shape == (4, 12), "seed pairs x target tasks of both families"
    # In the order of families: four tasks of toy/other-v1, then eight of toy/size-v1.
    np.testing.assert_allclose(learned[:3, :4], 0.5)
    assert np.isnan(learned[3, :4]).all(), "a failed run"
    assert np.isnan(learned[1, 4:]).all(), "a missing run"
    np.testing.assert_allclose(np.sort(learned[0, 4:]), SCORES)
    np.testing.assert_allclose(np.sort(learned[3, 4:]), SCORES + 1)
    assert arrays["expert"].shape == (2, 12)
    assert (arrays["expert"] == 1).all()


def test_arrays_say_what_the_board_says(tmp_path, write_rows, exported):
    write_rows()
    (board,) = make_boards(find_runs([tmp_path / "runs"]))
    score = {row.method: row["score"].value for row in board.rows}["learned"]
    with np.load(exported("rliable")) as file:
        found = file["learned"]
    assert clipped_mean(found[~np.isnan(found)]) == pytest.approx(score)


def test_arrays_of_two_protocols_are_refused(write_rows, exported):
    write_rows()
    write_rows(protocol=STANDARD)
    with pytest.raises(HyperbenchError, match="holds one board, found 2: standard-v1; test-v1"):
        exported("rliable")
    assert set(pd.read_parquet(exported("parquet"))["protocol"]) == {"standard-v1", "test-v1"}


@pytest.mark.parametrize("format_", TEXT_FORMATS)
def test_boards_are_written_as_text(tmp_path, write_rows, exported, format_):
    write_rows()
    boards = make_boards(find_runs([tmp_path / "runs"]))
    assert exported(format_).read_text() == TEXT_FORMATS[format_](boards)


def test_what_cannot_be_exported_is_answered(tmp_path, write_run, exported):
    write_run("hopeless")
    with pytest.raises(UnknownNameError, match=r"format 'parket'\. Did you mean 'parquet'"):
        exported("parket")
    for format_ in ("parquet", "rliable"):
        with pytest.raises(DataError, match="every run failed"):
            exported(format_)
    with pytest.raises(DataError, match="cannot be written"):
        export_command([tmp_path / "runs"], "csv", tmp_path)


def test_bibtex_names_boards_and_papers_once_with_who_names_them(write_run, make_record, exported):
    info = make_record().family_info
    cited = "Yu et al., Meta-World: 50 % more, CoRL 2019; hyperbench; a manual without a year"
    family = replace(info, citation=cited)
    for method in ("hypogen", "conditional", "not-installed"):
        write_run(method, SCORES, family_info=family)
    write_run("expert", SCORES, family_info=family, is_arm=True)
    text = exported("bibtex").read_text()
    assert re.findall(r"@(\w+)\{([^,]+),", text) == [
        ("software", "hyperbench"),
        ("misc", "board-toy-test-v1"),
        ("misc", "ren2025"),
        ("misc", "yu2019"),
        ("misc", "a-manual-without-a-year"),
    ]
    assert "% method conditional, method hypogen\n@misc{ren2025" in text
    assert "% suite toy\n@misc{yu2019" in text
    assert "title = {{Meta-World: 50 \\% more}}" in text
    assert text.count("{") == text.count("}")
