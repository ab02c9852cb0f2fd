"""The pages of findings: the records that are committed make their numbers again."""

import importlib
import sys
from pathlib import Path

import pytest

from hyperbench.registry import plugged_in

FINDINGS = Path(__file__).parents[1] / "docs" / "findings"


@pytest.fixture
def load(monkeypatch):
    """Import a script beside the pages, as if it were started there."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(FINDINGS)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (
            getattr(sys.modules[name], "__file__", None)
            and FINDINGS in Path(sys.modules[name].__file__).parents
        ):
            del sys.modules[name]


def test_the_records_say_what_the_page_of_boards_says(load):
    boards = load("boards")
    said = boards.PAGE.read_text(encoding="utf-8")
    assert said == boards.page(), "make it again: python docs/findings/boards.py"


@pytest.mark.thorough
def test_the_records_say_what_the_page_of_hypogens_claim_says(load):
    study = load("hypogen_study")
    with plugged_in([str(study.STUDY.plugin)]):
        made = study.page(study.read(FINDINGS / "none"))
    again = "make it again: python docs/findings/hypogen_study.py page"
    assert study.PAGE.read_text(encoding="utf-8") == made, again
