"""The notebook of the documentation, and how what is printed reads in one."""

from pathlib import Path

import pytest

from hyperbench.view.console import (
    plain_console,
    print_line,
    roomy,
    standard_error,
    standard_output,
)

NOTEBOOK = Path(__file__).parents[1] / "docs" / "python.ipynb"
LOCKED = """
import threading

from hyperbench.testing import LineFamily


class Locked(LineFamily):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


hb.bench(NearestState, Locked(), baselines=False).board.failures
"""


def test_text_stays_text_in_a_notebook(monkeypatch, capsys):
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    for console in (standard_output(), roomy(plain_console())):
        print_line("a result", console)
    print_line("progress", standard_error())
    assert capsys.readouterr() == ("a result\na result\n", "progress\n")


@pytest.mark.thorough  # starts a kernel, and fits; what it shows test_python shows without one
def test_the_notebook_runs_from_top_to_bottom(tmp_path, demonstrations_dir, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(demonstrations_dir))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(NOTEBOOK, 4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    notebook.cells.append(nbformat.v4.new_code_cell(LOCKED))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": tmp_path}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    told = ["".join(o.text for o in cell.outputs if o.output_type == "stream") for cell in cells]
    shown = ["".join(o.data["text/html"] for o in _data(c) if "text/html" in o.data) for c in cells]
    assert "[6/6] conditional" in told[0]
    assert shown[0].count("<table") == 2  # scores and cost, and nothing twice
    # What is typed in cells goes to workers, its kind of policies as well.
    assert "cannot travel" not in told[3]
    assert "nearest-state [num_states=50]" in shown[3]
    assert set(_verified(cells[5])) == {"verified"}
    assert "In this process, for it cannot travel: nearest-state (TypeError" in told[6]
    assert [o.data["text/plain"] for o in _data(cells[6])] == ["()"]


def _data(cell):
    return [o for o in cell.outputs if o.output_type in ("execute_result", "display_data")]


def _verified(cell):
    [output] = _data(cell)
    return [line.split()[1] for line in output.data["text/plain"].splitlines()[1:]]
