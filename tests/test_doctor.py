"""``doctor`` says of each thing whether it is well, and what to do where it is not."""

import json
import subprocess
import sys

import pytest

from hyperbench.measuring import checkup
from hyperbench.registry import PluginSource, Registry, installed


@pytest.fixture
def findings(monkeypatch, tmp_path):
    """Check up with what a test has changed; nothing is tried in other processes."""
    monkeypatch.setattr(checkup, "_try", lambda *_: checkup._Tried('{"runs": []}', ""))

    def look(registry=None, output_dir=tmp_path / "runs"):
        found = checkup.check_up(registry or installed(), output_dir, tmp_path / "data")
        return {finding.name: finding for finding in found}

    return look


def test_a_sound_machine_is_ok_and_nothing_is_left_behind(findings, tmp_path):
    found = findings()
    assert {finding.state for finding in found.values()} <= {"ok", "note"}
    assert found["plugins"].said == "baselines, locomotion, manipulation, pointmass, trackers"
    assert list(tmp_path.iterdir()) == []


def test_a_plugin_that_does_not_load_is_named_with_its_reason(findings):
    def load():
        raise RuntimeError("no licence")

    found = findings(Registry([PluginSource("theirs", "theirs-dist", "1", load)]))
    assert found["plugin theirs"].state == "fail"
    assert "RuntimeError: no licence" in found["plugin theirs"].said
    assert "theirs-dist" in found["plugin theirs"].advice
    assert found["plugins"].state == "note"
    assert found["self-test"].state == "note"


def test_a_package_out_of_bounds_fails_and_another_than_pinned_is_noted(findings, monkeypatch):
    version = checkup._version
    monkeypatch.setattr(checkup, "_version", lambda n: "0.1" if n == "rich" else version(n))
    said = next(f for f in checkup._packages(installed()) if f.state == "fail").said
    assert said == "hyperbench-rl needs rich>=13.7, found 0.1"
    monkeypatch.setattr(checkup, "_version", lambda n: "99" if n == "rich" else version(n))
    assert "rich 99, not " in findings()["packages"].said


def test_a_folder_that_cannot_be_written_says_which_option(findings, tmp_path):
    (tmp_path / "file").write_text("")
    found = findings(output_dir=tmp_path / "file")["runs"]
    assert (found.state, found.advice) == ("fail", "Choose another place with --output-dir.")


def test_little_memory_and_little_disk_are_noted(findings, monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    limit.write_text("3000000000\n")
    monkeypatch.setattr(checkup, "_MEMORY_LIMITS", (limit,))
    monkeypatch.setattr(checkup, "num_cores", lambda: 2)
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1e9}))
    found = findings()
    assert (found["memory"].state, found["memory"].advice) == ("note", "Use --jobs 1.")
    assert found["runs"].state == "note"


def test_what_breaks_its_process_is_told_in_its_last_line(monkeypatch):
    assert checkup._try("-c", "import nothing_at_all").error == (
        "ModuleNotFoundError: No module named 'nothing_at_all'"
    )
    assert checkup._try("-c", "import os; os._exit(3)").error == "it ended with 3"
    monkeypatch.setattr(checkup, "_SECONDS", 0.01)
    assert "nothing within" in checkup._try("-c", "import time; time.sleep(9)").error


@pytest.mark.thorough  # the whole of it, with the board that it measures and verifies
def test_the_command_measures_verifies_and_says_so(tmp_path):
    command = [sys.executable, "-m", "hyperbench", "doctor", "--json", "--data-dir", "data"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    found = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert found["self-test"]["state"] == "ok"
    assert found["self-test"]["said"].startswith("6 runs measured and verified")
    assert list(tmp_path.iterdir()) == []
