"""A hand-built board as Markdown, CSV, LaTeX and JSON: what is rounded, escaped, left out."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from hyperbench.boards.headline import SCORE, SUCCESS
from hyperbench.boards.row import Board, Estimate, Row
from hyperbench.boards.statistic import COSTS, STATISTICS
from hyperbench.boards.tables import (
    cost_table,
    csv_text,
    family_table,
    json_text,
    latex_text,
    markdown,
    score_table,
    summary_table,
)
from hyperbench.table import MISSING
from hyperbench.view.boards import print_boards

FAMILY = "toy/size-v1"
LEARNED = Row(
    method="hypogen [num_blocks=8]",
    is_control=False,
    estimates={
        "score": Estimate(0.12345, 0.1, 0.5),
        "above_half": Estimate(0.25, 0.2, 0.3),
        "mean_return": Estimate(1234.56),
        "interpolation": Estimate(0.5),
        "num_runs": Estimate(5),
        "num_failed": Estimate(0),
        "num_missing": Estimate(0),
        "num_parameters": Estimate(31_000_000),
        "policy_parameters": Estimate(19_462),
        "fit_seconds": Estimate(61.26),
        "generate_seconds": Estimate(0.01234),
    },
    by_family={"score": {FAMILY: 0.12345}},
)


def with_(row, *, method=None, by_family=None, **estimates):
    """The row with some other values: numbers, or estimates with an interval."""
    found = {
        name: value if isinstance(value, Estimate) else Estimate(value)
        for name, value in estimates.items()
    }
    return replace(
        row,
        method=method or row.method,
        by_family=row.by_family if by_family is None else by_family,
        estimates={**row.estimates, **found},
    )


NO_COST = dict.fromkeys(COSTS)
ARM = replace(with_(LEARNED, method="random", score=0.0, **NO_COST), is_control=True)
BOARD = Board("test-v1", (FAMILY,), (LEARNED, ARM), (), (), SCORE)


def of_rows(*rows, **fields):
    return replace(BOARD, rows=rows, **fields)


@pytest.fixture
def two_families():
    families = ("toy/other-v1", "toy/size-v1")
    return of_rows(
        with_(LEARNED, by_family={"score": {FAMILY: 0.25, "toy/other-v1": None}}),
        families=families,
    )


def column(table, name):
    return [row[table.header.index(name)] for row in table.rows]


def test_markdown_of_a_board():
    assert (
        markdown(BOARD)
        == """\
### toy/size-v1, test-v1

| method | score | 95 % interval | above half | return | interp. | extrap. | runs |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| hypogen [num_blocks=8] | 0.123 | [0.100, 0.500] | 0.250 | 1234.6 | 0.500 | – | 5 |
| *random* | 0.000 | – | 0.250 | 1234.6 | 0.500 | – | 5 |

### Cost

| method | parameters | policy parameters | fit [s] | generate [ms] |
| --- | ---: | ---: | ---: | ---: |
| hypogen [num_blocks=8] | 31,000,000 | 19,462 | 61.3 | 12.3 |

Note: score: on each target task random = 0 and expert = 1, counted as 0 below and as 1 above; \
the mean over runs x target tasks. above half: the share of them that score more than 1/2.
"""
    )


def test_markdown_tells_failures_and_notes_at_the_end():
    text = markdown(replace(BOARD, failures=("a on b: broke", "c"), notes=("beware",)))
    legend = f"Note: {SCORE.legend}"
    assert text.endswith(f"\n\nFailed: a on b: broke\n\nFailed: c\n\n{legend}\n\nNote: beware\n")


def test_markdown_of_arms_alone_has_no_empty_cost_table():
    assert "Cost" not in markdown(of_rows(ARM))


def test_a_pipe_in_a_setting_does_not_split_a_cell():
    text = markdown(of_rows(with_(LEARNED, method="m [mode=a|b]")))
    assert r"| m [mode=a\|b] | 0.123 |" in text


def test_columns_appear_with_what_they_are_for(two_families):
    """Success only where a family has it, failures only if there are any."""
    plain = score_table(BOARD).header
    assert "success" not in plain
    assert "failed" not in plain
    assert "toy/size-v1" not in plain

    found = score_table(of_rows(with_(LEARNED, success_rate=0.0, num_failed=2), ARM))
    assert column(found, "success") == ["0.000", MISSING]
    assert column(found, "failed") == ["2", "0"]


def test_several_families_have_a_column_each_without_what_they_share(two_families):
    assert family_table(BOARD) is None
    assert score_table(two_families).title == "2 families, test-v1"
    found = family_table(two_families)
    assert found.title == "Score in each family of toy"
    assert column(found, "other-v1") == [MISSING]
    assert column(found, "size-v1") == ["0.250"]
    assert "| method | other-v1 | size-v1 |" in markdown(two_families)
    assert "method & other-v1 & size-v1" in latex_text([two_families])


def test_the_mean_rank_stands_before_the_families(two_families):
    board = replace(
        two_families, rows=(with_(two_families.rows[0], mean_rank=Estimate(1.5, 1.0, 2.25)), ARM)
    )
    table = family_table(board)
    assert table.header == ("method", "mean rank", "of mean rank", "other-v1", "size-v1")
    assert table.rows[0] == (LEARNED.method, "1.50", "[1.00, 2.25]", MISSING, "0.250")
    assert table.rows[1][1:3] == (MISSING, MISSING)
    (found,) = json.loads(json_text([board]))
    assert found["rows"][0]["mean_rank_interval"] == [1.0, 2.25]
    first = next(csv.DictReader(io.StringIO(csv_text([board]))))
    assert [first[f"mean_rank{end}"] for end in ("", "_low", "_high")] == ["1.5", "1.0", "2.25"]


def test_other_summaries_of_the_same_scores():
    row = with_(LEARNED, iqm=Estimate(0.5, 0.25, 0.75), median=0.4, mean=-0.25)
    table = summary_table(of_rows(row, ARM))
    assert table.header[1:] == (
        *("score", "95 % interval", "IQM", "of IQM", "median", "mean", "optimality gap"),
    )
    assert column(table, "of IQM") == ["[0.250, 0.750]", MISSING]
    assert column(table, "mean") == ["-0.250", MISSING]


def test_on_a_narrow_terminal_families_are_shown_in_parts(two_families):
    """Nothing is cut off: every name and number is there, the method's beside each."""
    wide, narrow = (Console(width=width, file=io.StringIO()) for width in (120, 46))
    for console in (wide, narrow):
        print_boards([two_families], console)
        text = console.file.getvalue()
        assert "…" not in text
        assert "0.250" in text
        assert "fit [s]" in text
    titles = [console.file.getvalue().count("Score in each family") for console in (wide, narrow)]
    assert titles == [1, 2]


def test_rank_interval_of_success_and_missing_runs_are_shown_where_there_are_any():
    plain = score_table(BOARD).header
    assert not {"rank", "of success", "missing"} & set(plain)
    ranked = with_(LEARNED, rank=1, success_rate=Estimate(0.5, 0.25, 0.75))
    found = score_table(of_rows(ranked, with_(ARM, num_missing=3)))
    assert found.header[:3] == ("method", "rank", "score")
    assert column(found, "rank") == ["1", MISSING]
    assert column(found, "of success") == ["[0.250, 0.750]", MISSING]
    assert column(found, "missing") == ["0", "3"]


def test_arms_are_dimmed_and_cost_nothing():
    assert score_table(BOARD).dimmed == (False, True)
    assert column(cost_table(BOARD), "method") == [LEARNED.method]


def test_nothing_and_zero_look_different():
    row = with_(LEARNED, score=None, mean_return=0.0, generate_seconds=0.0, num_parameters=0)
    board = of_rows(row)
    assert column(score_table(board), "score") == [MISSING]
    assert column(score_table(board), "return") == ["0.0"]
    assert column(cost_table(board), "generate [ms]") == ["0.0"]
    assert column(cost_table(board), "parameters") == ["0"]


def test_latex_of_a_board_for_one_column():
    learned = with_(LEARNED, method="m", rank=1)
    text, both = latex_text([of_rows(ARM, learned)]).split("\n\n")
    assert (
        text.splitlines()[:15]
        == r"""% For one column; needs \usepackage{booktabs}
\begin{table}
\caption{toy/size-v1, test-v1}
\label{tab:toy-size-v1-test-v1-column}
\centering\footnotesize
\setlength{\tabcolsep}{3pt}
\begin{tabular}{@{}lrrrr@{}}
\toprule
method & score & rank & above half & return \\
\midrule
\textbf{m} & 0.123 {\scriptsize [0.100, 0.500]} & 1 & 0.250 & 1234.6 \\
\midrule
\textit{random} & \textit{0.000} & \textit{--} & \textit{0.250} & \textit{1234.6} \\
\bottomrule
\end{tabular}""".splitlines()
    )
    assert text.endswith("\\end{minipage}\n\\end{table}")
    assert r"\begin{table*}" in both
    assert "extrap." in both


def test_latex_has_the_notes_failures_and_minus_signs():
    board = of_rows(with_(LEARNED, extrapolation=-0.25, method="a-b"))
    text = latex_text([replace(board, notes=("50 % are new.",), failures=("m: died",))])
    assert "$-$0.250" in text
    assert "a-b &" in text
    for said in ("50 \\% are new.", "Failed: m: died", "95 \\% intervals"):
        assert said in text


def test_latex_is_as_wide_as_the_columns_of_a_paper(two_families):
    """By the widths of Computer Modern's letters, which the estimate must not be below."""
    many = tuple(f"toy/family-with-a-long-name-{i}-v1" for i in range(12))
    by_family = {"score": dict.fromkeys(many, 0.5)}
    row = replace(with_(LEARNED, rank=1), by_family=by_family)
    text = latex_text([replace(two_families, families=many, rows=(row, ARM))])
    tables = re.findall(r"\\begin\{table(\*?)\}(.*?)\\end\{table", text, flags=re.DOTALL)
    assert [star for star, _ in tables] == ["", "*", "*"]
    for star, table in tables:
        blocks = re.findall(r"\\toprule\n(.*?)\\bottomrule", table, flags=re.DOTALL)
        for block in blocks:
            lines = [line for line in block.splitlines() if "&" in line]
            assert sum(map(max, zip(*map(cell_widths, lines), strict=True))) < (
                487 if star else 234
            )
    assert len(blocks) > 1, "families that do not fit beside each other are below each other"


def cell_widths(line):
    """Points, in an 8 point font whose digits are 4.25 wide; 6 between columns."""
    plain = re.sub(r"\\(\w+)\{?|[{}$]|\\\\", "", line)
    return [4.25 * len(cell.strip()) * 0.95 + 6 for cell in plain.split("&")]


def test_latex_prints_every_character():
    text = latex_text([of_rows(with_(LEARNED, method=r"a_b & 50% #1 {x} $y$ p^2 ~z \w"))])
    assert r"a\_b \& 50\% \#1 \{x\} \$y\$ p\^{}2 \~{}z \textbackslash{}w & 0.123" in text


def test_csv_keeps_every_digit(two_families):
    learned = with_(LEARNED, rank=1, num_missing=2, success_rate=Estimate(None, 0.1, 0.2))
    boards = [of_rows(learned, ARM), replace(two_families, title="other-v1")]
    rows = list(csv.DictReader(io.StringIO(csv_text(boards))))
    assert [row["protocol"] for row in rows] == ["test-v1", "test-v1", "other-v1"]
    first, arm, other = rows
    for name in ("score", "mean_return", "interpolation", "fit_seconds", "generate_seconds"):
        assert float(first[name]) == LEARNED[name].value
    assert first["method"] == LEARNED.method
    assert (first["is_arm"], arm["is_arm"]) == ("False", "True")
    assert (float(first["interval_low"]), float(first["interval_high"])) == LEARNED[
        "score"
    ].interval
    assert (arm["interval_low"], arm["interval_high"], arm["fit_seconds"]) == ("", "", "")
    assert (float(first["success_low"]), float(first["success_high"])) == (0.1, 0.2)
    assert (first["rank"], arm["rank"], first["num_missing"]) == ("1", "", "2")
    assert (first["toy/size-v1"], first["toy/other-v1"]) == ("0.12345", "")
    assert (other["toy/size-v1"], other["toy/other-v1"]) == ("0.25", "")
    told = {statistic.name for statistic in STATISTICS}
    assert told < set(first), "a statistic of the row is not in the file"


def test_where_success_is_the_headline_it_is_told_in_each_family(two_families):
    rates = {"toy/size-v1": 0.75, "toy/other-v1": 0.5}
    row = two_families.rows[0]
    row = replace(row, by_family={**row.by_family, "success_rate": rates})
    board = replace(two_families, rows=(row,), headline=SUCCESS)
    table = family_table(board)
    assert table.title == "Success in each family of toy"
    assert [row[1:] for row in table.rows] == [("0.500", "0.750")]
    (line,) = csv.DictReader(csv_text([board]).splitlines())
    assert (line["toy/size-v1"], line["toy/size-v1 success"]) == ("0.25", "0.75")


def test_csv_has_what_differs_between_machines_last():
    """Without its last two columns the file is the same wherever the same runs are measured."""
    slower = with_(LEARNED, fit_seconds=1.0, generate_seconds=9.0)
    one, other = (
        [line.split(",")[:-2] for line in csv_text([of_rows(row)]).splitlines()]
        for row in (LEARNED, slower)
    )
    assert one == other


def test_json_is_everything():
    board = replace(BOARD, failures=("it broke",), notes=("beware",))
    (found,) = json.loads(json_text([board]), parse_constant=pytest.fail)
    assert (found["protocol"], found["families"]) == ("test-v1", [FAMILY])
    assert found["failures"] == ["it broke"]
    for row, said in zip(board.rows, found["rows"], strict=True):
        assert (said["method"], said["is_arm"]) == (row.method, row.is_control)
        assert {s.name: said[s.name] for s in STATISTICS} == {
            s.name: row[s.name].value for s in STATISTICS
        }
        assert said["family_scores"] == row.by_family["score"]
        assert said["family_successes"] == {}
    assert found["rows"][0]["interval"] == [0.1, 0.5]
    assert found["rows"][0]["above_half_interval"] == [0.2, 0.3]
    assert found["rows"][1]["interval"] is None
    assert found["notes"] == ["beware"]
    assert found["legend"] == SCORE.legend
