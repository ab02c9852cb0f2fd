"""The pages of findings: the records that are committed make their numbers again."""

from pathlib import Path

import pytest

from hyperbench.registry import plugged_in

FINDINGS = Path(__file__).parents[1] / "docs" / "findings"


@pytest.mark.thorough
def test_the_records_say_what_the_page_of_boards_says(script):
    boards = script(FINDINGS / "boards.py")
    said = boards.PAGE.read_text(encoding="utf-8")
    assert said == boards.page(), "make it again: python docs/findings/boards.py"


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["hypogen_study", "where_it_breaks"])
def test_the_records_say_what_the_page_of_a_study_says(script, name):
    study = script(FINDINGS / f"{name}.py")
    with plugged_in([str(plugin) for plugin in study.STUDY.plugins]):
        made = study.page(study.read(FINDINGS / "none"))
    again = f"make it again: python docs/findings/{name}.py page"
    assert study.PAGE.read_text(encoding="utf-8") == made, again
