"""Commands as a user gives them; the whole path through processes is in test_executors.py."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import typer

from hyperbench import cli
from hyperbench.commands.executing import Place
from hyperbench.commands.run import run_command
from hyperbench.errors import HyperbenchError


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, demonstrations_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(demonstrations_dir))
    return tmp_path


@pytest.fixture
def no_data(somewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for demonstrations where there are none yet."""
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(somewhere / "data"))
    return somewhere / "data"


@pytest.fixture
def say(say, in_this_process: None):
    """Run a command, and what it would give to workers, in this process."""
    return say


SMALL = ("run", "-m", "spec-blind", "-s", "pointmass", "--no-baselines", "--set", "num_steps=5")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["run", "-m", "hypogen", "-s", "locomtion"],
            "Unknown suite 'locomtion'. Did you mean 'locomotion'?  Installed: independent",
        ),
        (
            ["run", "-m", "hypogen", "-s", "locomotion/cheeta-speed"],
            "Unknown family 'locomotion/cheeta-speed'. Did you mean 'locomotion/cheetah-speed",
        ),
        (["run", "-m", "hypgen", "-s", "pointmass"], "Did you mean 'hypogen'?"),
        (
            ["run", "-m", "hypogen", "-s", "pointmass", "-p", "quick"],
            "Unknown protocol 'quick'. Did you mean 'quick-v2'?",
        ),
        ([*SMALL, "-s", "locomotion"], "--suite takes one value and is given 2 times"),
        ([*SMALL[:-1], "num_stepz=5"], "Did you mean 'num_steps'?"),
        ([*SMALL[:-1], "num_steps=many"], "Setting 'num_steps' of spec-blind: 'many' does not fit"),
        ([*SMALL, "--seeds", "a"], "--seeds 'a' is neither"),
        ([*SMALL, "--device", "cdua"], "Unknown device 'cdua'. Did you mean 'cuda'?"),
        ([*SMALL, "--seeds", "1,1"], "each once"),
        (
            [*SMALL, "--split-seeds", "0,0"],
            "--split-seeds '0,0': give at least one seed, each once",
        ),
        ([*SMALL, "--fit-seeds", "some"], "--fit-seeds 'some' is neither"),
        ([*SMALL, "--seeds", "2", "--fit-seeds", "0,1"], "give one or the other"),
        (
            ["run", "-m", "maml", "-s", "pointmass"],
            "Method 'maml' needs support, and quick-v2 hands none over. Run it under few-shot-v1.",
        ),
        (["info", "cheetah"], "Unknown suite 'cheetah'"),
        (["leaderboard", "nowhere"], "No folder nowhere"),
        (["leaderboard", "."], "No run in ."),
        (["publish", "nowhere"], "No folder nowhere"),
        (["merge", ".", "-o", "all"], "No run in ."),
        (["export", ".", "-f", "pdf", "-o", "board.pdf"], "Unknown format 'pdf'"),
        (["run", "-c", "absent.yaml"], "Config file absent.yaml cannot be read"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_answered(say, arguments: list[str], message: str) -> None:
    code, out, err = say(*arguments)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
    assert not out


def test_an_unknown_option_is_answered(say) -> None:
    code, _, err = say("run", "--metod", "hypogen")
    assert code == 2
    assert "--method" in err


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hyperbench", "--debug", "info", "nothing"])
    with pytest.raises(HyperbenchError):
        cli.main()


def test_an_unwritable_output_directory_is_found_before_anything_is_run(
    say, somewhere, no_data
) -> None:
    (somewhere / "file").write_text("")
    code, _, err = say(*SMALL, "--output-dir", "file/runs")
    assert code == 2
    assert "Choose another folder with --output-dir" in err
    assert not no_data.exists()


def test_the_plan_is_shown_and_nothing_done(say, somewhere, no_data) -> None:
    code, out, _ = say(*SMALL, "--dry-run", "--seeds", "2")
    assert code == 0
    assert "12 runs under quick-v2" in out
    assert out.count("to do") == 12
    assert list(somewhere.iterdir()) == []


def test_a_run_gives_a_board_records_and_is_not_repeated(say, somewhere, no_data) -> None:
    code, out, err = say(*SMALL, "--jobs", "1")
    assert code == 0
    assert "demonstrations" in err
    for name in ("spec-blind", "random", "zero-action", "nearest-expert", "reuse-bound", "expert"):
        assert name in out
    records = [path.parent for path in (somewhere / "runs").glob("*/record.json")]
    assert len(records) == 6
    before = {path: path.stat().st_mtime_ns for path in records}
    code, again, err = say(*SMALL, "--jobs", "1")
    assert code == 0
    assert "6 of 6 runs are finished" in err
    assert again == out
    assert {path: path.stat().st_mtime_ns for path in records} == before
    code, out, _ = say("leaderboard", "runs", "--format", "json")
    board = json.loads(out)[0]
    assert {row["method"]: row["score"] for row in board["rows"]}["expert"] == 1
    for format_, sign in [("markdown", "| ---"), ("csv", "protocol,"), ("latex", "\\toprule")]:
        assert sign in say("leaderboard", "runs", "--format", format_)[1]
    assert say("leaderboard", "runs", "-f", "csv", "-o", "board.csv")[0] == 0
    assert (somewhere / "board.csv").read_text().startswith("protocol,")
    code, _, err = say("leaderboard", "runs", "-f", "pdf")
    assert code == 2
    assert "Unknown format 'pdf'" in err


def test_split_and_fit_seeds_are_crossed(say) -> None:
    _, out, _ = say(*SMALL, "--dry-run", "--split-seeds", "0,4", "--fit-seeds", "0,1,7")
    assert out.count("spec-blind") == 2 * 3
    assert "(split 4, fit 7)" in out
    assert out.count("expert on pointmass/goal-drag-v1 (split 4)") == 2, "arms once a split"
    _, out, _ = say(*SMALL, "--dry-run", "-p", "paper-v1", "--fit-seeds", "5,6")
    assert out.count("(split 123, fit ") == 2, "the split that is not asked for is the first one"


def test_runs_are_merged_exported_and_published(say, somewhere) -> None:
    assert say(*SMALL, "--jobs", "1")[0] == 0
    assert "Copied 6 runs to all." in say("merge", "runs", "-o", "all")[1]
    assert say("export", "all", "-f", "rliable", "-o", "scores.npz")[0] == 0
    with np.load("scores.npz") as scores:
        assert scores["spec-blind [num_steps=5]"].shape == (1, 12)
    code, out, err = say("publish", "all", "--board-dir", "boards")
    assert code == 0, err
    board = Path("boards") / "pointmass" / "quick-v2"
    assert "6 rows of 6 runs" in out
    assert "| spec-blind [num_steps=5] |" in (board / "table.md").read_text()
    assert len(list((board / "records").rglob("*.safetensors"))) == 1
    # A board is read like runs, and its runs are not counted a second time.
    assert (
        say("leaderboard", str(board), "runs", "-f", "csv")[1] == (board / "table.csv").read_text()
    )


def test_shuffled_specs_are_planned_beside_the_method(say) -> None:
    code, out, _ = say(*SMALL, "--shuffled-spec", "--dry-run")
    assert code == 0
    assert "7 runs under quick-v2" in out
    assert "spec-blind [num_steps=5] (shuffled-spec) on pointmass" in out


def test_a_failed_run_is_on_the_board_and_the_exit_code_says_so(say) -> None:
    longer = [word.replace("num_steps=5", "num_steps=50") for word in SMALL]
    code, out, _ = say(*longer, "--set", "learning_rate=1e300", "--jobs", "1")
    assert code == 1
    assert "failed" in out
    assert "FloatingPointError" in out


def test_json_is_all_there_is_on_standard_output(say) -> None:
    code, out, _ = say(*SMALL, "--json", "--jobs", "1")
    assert code == 0
    assert json.loads(out)[0]["protocol"] == "quick-v2"


def test_a_config_file_sets_options_and_the_command_line_wins(say, somewhere) -> None:
    (somewhere / "config.yaml").write_text(
        "method: [spec-blind]\nsuite: pointmass\nbaselines: false\nset: {num_steps: 5}\n"
        "protocol: standard-v1\ndry-run: true\n"
    )
    _, out, _ = say("run", "-c", "config.yaml")
    assert "spec-blind [num_steps=5] on pointmass" in out
    assert "30 runs under standard-v1" in out
    _, out, _ = say("run", "-c", "config.yaml", "--protocol", "quick-v1")
    assert "6 runs under quick-v1" in out
    (somewhere / "wrong.yaml").write_text("methods: [spec-blind]\n")
    code, _, err = say("run", "-c", "wrong.yaml")
    assert code == 2
    assert "Did you mean 'method'?" in err


def test_options_come_from_the_environment(say, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYPERBENCH_SUITE", "pointmass")
    monkeypatch.setenv("HYPERBENCH_METHOD", "spec-blind")
    monkeypatch.setenv("HYPERBENCH_DRY_RUN", "1")
    assert "spec-blind on pointmass" in say("run")[1]


def test_prepare_makes_keeps_and_repairs(say, no_data) -> None:
    assert "480 episodes made" in say("prepare", "-s", "pointmass")[1]
    assert "480 episodes sound" in say("prepare", "-s", "pointmass")[1]
    data = next(no_data.rglob("*.hdf5"))
    data.write_bytes(data.read_bytes()[:-1])
    code, out, err = say("prepare", "-s", "pointmass")
    assert code == 0
    assert "480 episodes made" in out
    assert "corrupt" in err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pointmass", "Family pointmass/goal-drag-v1"),
        ("hypogen", "num_blocks"),
        ("quick-v2", "num_episodes"),
    ],
)
def test_info_describes(say, name: str, expected: str) -> None:
    code, out, _ = say("info", name)
    assert code == 0
    assert expected in out


def test_a_broken_plugin_is_listed_and_breaks_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "broken_plugin.py").write_text("import a_module_that_does_not_exist\n")
    info = tmp_path / "hyperbench_broken-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hyperbench-broken\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[hyperbench]\nbroken = broken_plugin\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def hyperbench(*arguments: str) -> str:
        command = [sys.executable, "-m", "hyperbench", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    listed = hyperbench("plugins")
    assert "hyperbench-broken 0.3" in listed
    assert "No module named 'a_module_that_does_not_exist'" in listed
    assert "pointmass/goal-drag-v1" in hyperbench("list")


def test_help_answers_within_0_4_seconds_of_processor_time() -> None:
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    command = [sys.executable, "-m", "hyperbench", "--help"]
    seconds = []
    for _ in range(5):
        before = spent()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(spent() - before)
        if seconds[-1] < 0.4:
            return
    pytest.fail(f"best of five: {min(seconds):.2f} s")


def test_the_command_line_hands_everything_on(monkeypatch: pytest.MonkeyPatch, say) -> None:
    given = {}

    def record(**arguments: object) -> int:
        given.update(arguments)
        return 0

    monkeypatch.setattr("hyperbench.commands.run.run_command", record)
    options = ("--device", "cuda", "--jobs", "3", "--output-dir", "x", "--data-dir", "y")
    say(*SMALL, *options, "--json", "--shuffled-spec", "--checkpoint-seconds", "0")
    assert set(given) == set(run_command.__kwdefaults__ or run_command.__annotations__) - {"return"}
    assert given["device"] == "cuda"
    assert given["place"] == Place("local", 3)
    assert given["checkpoint_seconds"] == 0
    assert given["output_dir"] == Path("x")
    assert given["data_dir"] == Path("y")
    assert given["as_json"] is True
    assert given["shuffled_spec"] is True
    assert given["settings"] == ["num_steps=5"]


def test_a_gpu_that_is_not_there_is_found_before_anything_is_run(
    say, somewhere, no_data, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    code, _, err = say(*SMALL, "--device", "cuda")
    assert code == 2
    assert "torch finds no GPU. Use --device cpu" in err
    assert list(somewhere.iterdir()) == []


@pytest.mark.parametrize("command", sorted(typer.main.get_command(cli.app).commands))
def test_help_is_whole_at_eighty_columns(command, monkeypatch: pytest.MonkeyPatch, say) -> None:
    """Names of variables, defaults in brackets, and what a command is for."""
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = say(command, "--help")
    assert max(map(len, out.splitlines())) <= 80
    shown = "".join(out.split())
    found = typer.main.get_command(cli.app).commands[command]
    for option in found.params:
        said = [getattr(option, "help", None), option.envvar]
        if isinstance(option.default, str | int | Path) and not isinstance(option.default, bool):
            said.append(f"default: {option.default}")
        for text in filter(None, map(str, filter(None, said))):
            assert "".join(text.split()) in shown
    _, out, _ = say("--help")
    assert "".join((found.help or "").split()) in "".join(out.split())


def test_names_and_plugins_are_there_for_programs(say) -> None:
    found = json.loads(say("list", "--json")[1])
    tracks = {protocol["name"]: protocol["track"] for protocol in found["protocols"]}
    assert (tracks["quick-v2"], tracks["few-shot-v1"]) == ("zero-shot", "few-shot")
    suites = {suite["name"]: suite["families"] for suite in found["suites"]}
    assert suites["pointmass"] == ["pointmass/goal-drag-v1"]
    assert {"film", "maml"} <= {method["name"] for method in found["methods"]}
    assert "expert" in found["arms"]
    plugins = json.loads(say("plugins", "--json")[1])
    assert plugins["disputes"] == []
    [baselines] = [p for p in plugins["plugins"] if p["name"] == "baselines"]
    assert (baselines["distribution"], baselines["failure"]) == ("hyperbench-baselines", None)
    assert baselines["num_entries"] > 10
