"""The pages of findings: the records that are committed make their numbers again."""

import importlib.util
import sys
from pathlib import Path

FINDINGS = Path(__file__).parents[1] / "docs" / "findings"


def test_the_records_say_what_the_page_of_boards_says(monkeypatch):
    spec = importlib.util.spec_from_file_location("findings_boards", FINDINGS / "boards.py")
    boards = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, boards)  # dataclasses ask for it
    spec.loader.exec_module(boards)
    said = boards.PAGE.read_text(encoding="utf-8")
    assert said == boards.page(), "make it again: python docs/findings/boards.py"
