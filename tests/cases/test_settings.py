"""What a person writes into a config file is what is run, or is refused with its name."""

import os
import subprocess
import sys
import textwrap

import pytest

from hyperbench.cli.config import load_config
from hyperbench.commands.tune import study_folder
from hyperbench.errors import HyperbenchError


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
        ("1e-3", "1e-3"),
        ("true", True),
        ("null", None),
        ("many", "many"),
    ],
)
def test_numbers_are_what_they_look_like(load, text, expected):
    assert load(f"value: {text}") == {"value": expected}


def test_a_file_in_another_encoding_is_named(load):
    with pytest.raises(HyperbenchError, match=r"config\.yaml cannot be read"):
        load("suite: caf\u00e9".encode("latin-1"))


@pytest.mark.parametrize("method", ["../outside", "/tmp/outside", "a/b", "..", "a\\b"])
def test_a_study_stays_below_the_output_folder(tmp_path, method):
    folder = study_folder(tmp_path, method, "0123456789abcdef")
    assert folder.resolve().parent == tmp_path.resolve()
    assert folder.name.endswith("-0123456789abcdef")


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
