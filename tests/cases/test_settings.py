"""What a person writes into a config file is what is run, or is refused with its name."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, Literal

import pytest
import typer

from hyperbench import cli
from hyperbench.cli.config import load_config
from hyperbench.commands.info import _default
from hyperbench.commands.tune import study_folder
from hyperbench.errors import HyperbenchError
from hyperbench.generator import MethodConfig
from hyperbench.measuring.settings import make_config, read_value, settings_of


@pytest.fixture
def load(tmp_path):
    def read(text):
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(path)

    return read


@pytest.mark.parametrize(
    "text", ["set: {num_steps: 20}\nset: {width: 3}", "seeds: 2\nseeds: 3", "set: {a: 1, a: 2}"]
)
def test_what_is_given_twice_is_refused(load, text):
    with pytest.raises(HyperbenchError, match=r"'(set|seeds|a)' is given twice"):
        load(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("020", 20),
        ("-7", -7),
        ("1:30", "1:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2026-01-02", "2026-01-02"),
        ("1.5", 1.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("off", "off"),
        ("null", None),
        ("None", None),
        ("many", "many"),
        ("[1, two, null]", [1, "two", None]),
        ('{"a": [1]}', {"a": [1]}),
        ('"32"', "32"),
        ("a # b", "a # b"),
        ("*.txt", "*.txt"),
        ("[" * 1500, "[" * 1500),
    ],
)
def test_values_are_what_they_look_like(text, expected):
    found = read_value(text)
    assert (found, type(found)) == (expected, type(expected))


def test_options_are_handed_on_as_they_stand(load):
    """An option's own type reads them: a folder may be called 020."""
    assert load("output-dir: 020\njobs: 020\ndry-run: off\ndevice:\nmethod: [a, 'b']") == {
        "output-dir": "020",
        "jobs": "020",
        "dry-run": "off",
        "device": None,
        "method": ["a", "b"],
    }


SETTINGS = ["width=32", 'name="None"', 'scales={"position": 2.0}', "size=None", "depth=020"]


@pytest.mark.parametrize(
    "text",
    [
        "set: {width: 32, name: 'None', scales: {position: 2.0}, size: None, depth: 020}",
        "set:\n- width: 32\n- {name: !!str None}\n- scales: {position: 2.0}\n- size=None\n"
        "- depth: 020",
    ],
)
def test_settings_are_written_as_after_set(load, text):
    assert load(text) == {"set": SETTINGS}
    assert load("set: width=32") == {"set": ["width=32"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("suite: caf\u00e9".encode("latin-1"), "is no UTF-8: byte 0xe9 at position 10"),
        ("suite: pointmass".encode("utf-16"), "is no UTF-8: byte 0xff at position 0"),
        ("- suite", "must be a mapping"),
        ("suite: {pointmass: 1}", "'suite' takes a value or a list of values"),
        ("a: &x [1]\nb: *x", "write the value again instead of an alias"),
        ("a: !!python/object:os.system 1\nset: {b: !!python/object:os.system 1}", "cannot be read"),
        ("set: {a: " + "[" * 1500, "nested too deeply"),
        ("? [a]\n: 1", "cannot be read"),
        ("set: {a: !!binary eA==}", "cannot be read"),
    ],
)
def test_what_cannot_be_options_is_named(load, text, said):
    with pytest.raises(HyperbenchError, match=r"config\.yaml") as caught:
        load(text)
    assert said in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_a_name(load):
    assert load("suite: \u03c0".encode("utf-8-sig")) == {"suite": "\u03c0"}


class TypedConfig(MethodConfig):
    """Settings of the usual types."""

    hidden_sizes: tuple[int, ...] = (64, 64)
    clip: float | None = 1.0
    checkpoint: str | None = "best"
    num_layers: Literal[2, 3] = 2
    width: int | str = 64
    shuffle: bool = True
    mode: Literal["on", "off"] = "on"
    scales: dict[str, float] = {"position": 1.0}  # noqa: RUF012 -- pydantic copies it
    note: str = "none"
    num_steps: int = 100
    rate: float = 0.001


class FakeRegistry:
    methods: ClassVar = {"typed": None, "other": None}

    def method_class(self, name):
        return SimpleNamespace(Config=TypedConfig)


def configured(*settings):
    return make_config(FakeRegistry(), "typed", settings_of(settings, ["typed"])["typed"])


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("checkpoint=None", None),
        ("checkpoint=null", None),
        ("checkpoint=last", "last"),
        ('checkpoint="None"', "None"),
        ("checkpoint=32", "32"),
        ("width=32", 32),
        ("width=auto", "auto"),
        ('width="32"', "32"),
        ("clip=None", None),
        ("clip=0.5", 0.5),
        ("clip=1", 1.0),
        ("num_layers=3", 3),
        ("hidden_sizes=[32, 16]", (32, 16)),
        ("hidden_sizes=[]", ()),
        ("scales={position: 2, speed: 1e-3}", {"position": 2.0, "speed": 0.001}),
        ("shuffle=off", False),
        ("shuffle=true", True),
        ("mode=off", "off"),
        ("note=None", "None"),
        ("note=[a", "[a"),
        ("note=[a]", "[a]"),
        ("note=020", "020"),
        ("note=", ""),
        ("num_steps=020", 20),
        ("num_steps=20.0", 20),
        ('num_steps="20"', 20),
        ("rate=1e-3", 0.001),
        ("rate=1", 1.0),
    ],
)
def test_settings_are_read_by_the_configs_own_types(setting, expected):
    found = getattr(configured(setting), setting.partition("=")[0])
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("num_steps=true", "'true' does not fit"),
        ("num_steps=1:30", "'1:30' does not fit"),
        ("num_layers=4", "'4' does not fit"),
        ("clip=inf", "finite"),
        ("hidden_sizes=64", "Values are written as in YAML: 3, word, null, [1, 2], {a: 1}."),
        ("hidden_sizes=[1, x]", "Setting 'hidden_sizes.1' of typed: 'x' does not fit."),
        ("typed={num_steps: 20}", "One method's are written typed.name=value."),
        ("widht=3", "Did you mean 'width'?"),
    ],
)
def test_what_fits_no_type_is_refused_with_words(setting, said):
    with pytest.raises(HyperbenchError) as caught:
        configured(setting)
    assert said in str(caught.value)


def test_the_specific_setting_wins_whatever_the_order():
    both = ["typed.num_steps=5", "num_steps=20"]
    for settings in (both, both[::-1]):
        assert settings_of(settings, ["typed", "other"]) == {
            "typed": {"num_steps": "5"},
            "other": {"num_steps": "20"},
        }
    with pytest.raises(HyperbenchError, match="--set gives 'num_steps' twice: 5 and 20"):
        settings_of(["num_steps=5", "num_steps=20"], ["typed"])


def test_defaults_are_shown_as_they_would_be_written():
    shown = {name: _default(field) for name, field in TypedConfig.model_fields.items()}
    assert shown["hidden_sizes"] == "[64, 64]"
    assert shown["scales"] == '{"position": 1.0}'
    config = configured(*(f"{name}={text}" for name, text in shown.items()))
    assert config == TypedConfig()


def test_natural_spellings_of_a_config_file_are_run(say, tmp_path):
    """A word where a list may stand, a list of seeds, settings as text."""
    (tmp_path / "config.yaml").write_text(
        "method: spec-blind\nsuite: pointmass\nset: num_steps=20\nseeds: [3, 4]\n"
        "baselines: off\njson: true\ndry-run: true\n"
    )
    code, out, err = say("run", "-c", str(tmp_path / "config.yaml"))
    assert code == 0, err
    runs = json.loads(out)
    assert {run["state"] for run in runs} == {"to do"}
    learned = [run for run in runs if not run["is_arm"]]
    assert [run["seeds"] for run in learned] == [{"split": n, "fit": n} for n in (3, 4)]
    assert {run["method"] for run in learned} == {"spec-blind"}
    assert [run["overrides"] for run in learned] == [{"num_steps": 20}] * 2
    for text, said in (
        ("suite: [pointmass, tracking]", "'suite' takes one value, found pointmass, tracking"),
        ("output-dir: a\noutput_dir: b", "'output-dir' is given twice"),
        ("seeds: [3]", "for one seed alone write split-seeds: 3 and fit-seeds: 3"),
    ):
        (tmp_path / "config.yaml").write_text(text)
        code, _, err = say("run", "-c", str(tmp_path / "config.yaml"))
        assert code == 2
        assert said in err


@pytest.fixture
def say(say, monkeypatch, demonstrations_dir):
    monkeypatch.setenv("HYPERBENCH_DATA_DIR", str(demonstrations_dir))
    return say


@pytest.mark.parametrize("from_file", [True, False])
def test_a_tilde_and_a_variable_are_read_where_no_shell_did(
    tmp_path, monkeypatch, from_file, capsys, demonstrations_dir
):
    given: list[Path] = []
    monkeypatch.setattr(
        "hyperbench.commands.run.run_command", lambda **said: given.append(said["output_dir"]) or 0
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCRATCH", str(tmp_path / "scratch"))
    monkeypatch.delenv("NOWHERE", raising=False)
    config = tmp_path / "config.yaml"
    config.write_text("method: random\nsuite: pointmass\n")

    def run(folder, *options):
        if from_file:
            config.write_text(f"method: random\nsuite: pointmass\noutput-dir: {folder}\n")
        else:
            monkeypatch.setenv("HYPERBENCH_OUTPUT_DIR", folder)
        monkeypatch.setattr(sys, "argv", ["hyperbench", "run", "-c", str(config), *options])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, capsys.readouterr().err

    run("~/runs")
    run("$SCRATCH/runs")
    run("${SCRATCH}/runs")
    run("cost$5")
    run("unused", "--output-dir", "~/runs")
    run("unused", "--output-dir", "$SCRATCH/runs")
    home, scratch = tmp_path / "home" / "runs", tmp_path / "scratch" / "runs"
    assert given == [home, scratch, scratch, Path("cost$5"), home, Path("$SCRATCH/runs")]
    for folder, said in (("$NOWHERE/runs", "no variable NOWHERE"), ("~nobody-here/r", "no home")):
        code, err = run(folder)
        assert code == 2
        assert f"--output-dir {folder}: " in err
        assert said in err
    assert len(given) == 6


def test_a_variable_means_the_same_to_all_commands_that_read_it():
    commands: dict[str, set[str]] = {}
    for name, command in typer.main.get_command(cli.app).commands.items():
        for param in command.params:
            if param.envvar:
                commands.setdefault(str(param.envvar), set()).add(name)
    shared = {
        name.removeprefix("HYPERBENCH_") for name, users in commands.items() if len(users) > 1
    }
    assert shared == {
        *("DATA_DIR", "DEVICE", "JSON", "METHOD", "PROTOCOL", "SET", "SUITE", "THREADS"),
        # Where `run` and `tune` carry out fits.
        *("EVENTS", "EXECUTOR", "EXECUTOR_CONFIG", "GPUS", "JOBS", "SCHEDULER"),
        "SEEDS",  # of `run` and `judge`
        *("ALL", "SAMPLE"),  # what `verify` and `submit` play again
        "BOARD_DIR",  # of `publish` and `submit`
        "OUTPUT_DIR",  # where these write, and where `doctor` looks whether they could
    }


@pytest.mark.parametrize("method", ["../outside", "/tmp/outside", "a/b", "..", "a\\b"])
def test_a_study_stays_below_the_output_folder(tmp_path, method):
    folder = study_folder(tmp_path, method, "0123456789abcdef")
    assert folder.resolve().parent == tmp_path.resolve()
    assert folder.name.endswith("-0123456789abcdef")


@pytest.mark.thorough  # workers that print, seconds each
def test_what_a_method_prints_does_not_spoil_the_json(tmp_path):
    """Neither by ``print`` nor past it."""
    (tmp_path / "loud.py").write_text(
        textwrap.dedent(
            """
            import os
            from hyperbench.hookspecs import MethodEntry, hookimpl
            from hyperbench.testing import LineFamily

            def __getattr__(name):
                from hyperbench_baselines.spec_blind import SpecBlind

                class Loud(SpecBlind):
                    def fit(self, demonstrations, **rest):
                        print("epoch 1/1")
                        os.write(1, b"from below\\n")
                        return super().fit(demonstrations, **rest)

                globals()["Loud"] = Loud
                return Loud

            @hookimpl
            def hyperbench_methods():
                return [MethodEntry("loud", "loud:Loud", "prints")]
            """
        )
    )
    info = tmp_path / "hb_loud-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hb-loud\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[hyperbench]\nloud = loud\n")
    line = "run -m loud -s pointmass --no-baselines --set num_steps=3 --json -j 1 -o runs"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "hyperbench", *line.split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path, "HYPERBENCH_DATA_DIR": str(tmp_path / "data")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[")
    for printed in ("epoch 1/1", "from below"):
        assert printed in done.stderr
        assert printed not in done.stdout
