"""``hyperbench tune``: what it shows, how it goes on, and what it answers to bad input."""

import json
import re
from pathlib import Path

import pytest

from hyperbench.tuning import study
from hyperbench.tuning.study import Fit


@pytest.fixture
def say(say, demonstrations_dir, tmp_path, in_this_process, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(demonstrations_dir))
    return say


TUNE = (
    *("tune", "-m", "spec-blind", "-s", "pointmass", "--splits", "1"),
    *("--set", "num_steps=5", "--set", "policy_width=8", "--set", "samples_per_task=8"),
)
COMMAND = (*TUNE, "-p", "quick-v1")


def test_the_command_shows_the_best_trials_and_continues(say, tmp_path: Path) -> None:
    code, out, err = say(*COMMAND, "--trials", "2")
    assert code == 0
    assert "[2/2] trial 1: ok" in err
    assert "0 (default)" in out
    best = out.partition("Best: ")[2].splitlines()[0]
    fixed = "--set num_steps=5 --set policy_width=8 --set samples_per_task=8"
    command = "hyperbench run -m spec-blind -s pointmass/goal-drag-v1 -p quick-v1"
    assert best.startswith(f"{command} {fixed} --set learning_rate="), "what was fixed, too"
    [file] = (tmp_path / "studies").glob("*/study.json")
    assert str(file) in out
    first = json.loads(file.read_text())
    assert [pair["split"] for pair in first["protocol"]["seeds"]] == [10000]
    assert first["overrides"]["num_steps"] == 5
    code, again, err = say(*COMMAND, "--trials", "2")
    assert (code, again, err) == (0, out, "")
    assert say(*COMMAND, "--trials", "3")[0] == 0
    [file] = (tmp_path / "studies").glob("*/study.json")
    longer = json.loads(file.read_text())
    assert longer["trials"][:2] == first["trials"]
    assert len(longer["trials"]) == 3
    file.write_text(json.dumps(longer | {"code": "0" * 16}))
    code, _, err = say(*COMMAND, "--trials", "3")
    assert code == 0
    assert "The code of spec-blind has changed since this study began" in err


@pytest.mark.thorough  # fits of two families
def test_halving_shows_rounds_families_and_the_spread_over_splits(say) -> None:
    suites = ("-s", "inversion/point-frame")
    rounds = ("--halving", "3x1x1,1x2x2")
    code, out, err = say(*COMMAND, *suites, *rounds)
    assert code == 0
    assert "trial 2, round 1 of 2: ok" in err
    assert "trial 0, round 2 of 2: ok" in err
    assert "2 x 2" in out
    table = out.partition("by family: mean (lowest to highest split)")[2]
    for row in ("pointmass/goal-drag-v1", "inversion/point-frame-v2", "all"):
        assert re.search(rf"{row} .*\d \(-?\d\.\d\d to -?\d\.\d\d\)", table)
    assert say(*COMMAND, *suites, *rounds)[1:] == (out, ""), "nothing is done again"
    code, _, err = say(*COMMAND, "--halving", "3x1x1,1x2x2")
    assert code == 2
    assert "judges by 2 families, but there are 1" in err


def test_a_study_in_which_all_failed_is_an_error(say, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Fit:
        raise ValueError("it broke")

    monkeypatch.setattr("hyperbench.tuning.tune.validation_fit", broken)
    code, out, err = say(*COMMAND, "--trials", "1")
    assert code == 2
    assert "All 1 trials of 'spec-blind' failed" in err
    assert "trial 0: ValueError: it broke" in out
    assert "Best:" not in out


def test_info_shows_where_is_searched(say) -> None:
    assert "3e-05 to 0.01, by magnitude" in say("info", "spec-blind")[1]


def test_without_optuna_the_error_says_what_to_install(say, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study.util, "find_spec", lambda name: None)
    code, _, err = say(*COMMAND)
    assert code == 2
    assert "-e '.[tune]'" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--set", "learning_rate=0.1", "--set", "weight_decay=0"],
            "Method 'spec-blind' has no search space",
        ),
        (["-p", "paper-v1"], "Protocol paper-v1 has no validation tasks"),
        (["--output-dir", "file/studies"], "Choose another folder with --output-dir"),
    ],
)
def test_bad_input_is_answered(say, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").write_text("")
    code, out, err = say(*(TUNE if "-p" in arguments else COMMAND), *arguments)
    assert code == 2
    assert message in err
    assert not out
