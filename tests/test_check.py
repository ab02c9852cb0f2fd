"""``hyperbench check``: each fault named by the check that is there for it, and how to mend it."""

from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from hyperbench import hookimpl
from hyperbench.cli import app
from hyperbench.commands import check
from hyperbench.errors import UnknownNameError
from hyperbench.hookspecs import FamilyEntry, MethodEntry
from hyperbench.registry import PluginSource, Registry, installed, plugged_in
from hyperbench.testing import METHOD_CHECKS, LineFamily
from hyperbench.testing.registration import Registration, registration_of

from .fakes_experts import BROKEN_EXPERTS
from .fakes_families import BROKEN_FAMILIES
from .fakes_few_shot import BROKEN_ZERO_SHOT
from .fakes_methods import BROKEN_METHODS, SameSeed
from .fakes_random_features import Failing, RandomFeatures
from .fakes_resumable import BROKEN_RESUMABLE

METHODS = BROKEN_METHODS | BROKEN_ZERO_SHOT | BROKEN_RESUMABLE
FAMILIES = BROKEN_FAMILIES | BROKEN_EXPERTS
TEN = [
    "undocumented config",
    "policies of noise",
    "wandering",
    "entropy",
    "seeds numpy",
    "prints",
    "by position",
    "forgets a feature",
    "loses its settings",
    "plays otherwise",
]
FEW_FAMILIES = [*list(BROKEN_FAMILIES)[:3], *list(BROKEN_EXPERTS)[:1]]


class One(Registry):
    """Knows one class, under one entry, that no text could name.

    Args:
        made: a method, or a family.
        details: of its entry.
    """

    def __init__(self, made, **details):
        self._made = made
        if hasattr(made, "tasks"):
            entry = FamilyEntry(made.info.id, "a:B", "broken", **details)
            plugin = SimpleNamespace(hyperbench_families=hookimpl(lambda: [entry]))
        else:
            entry = MethodEntry("broken", "a:B", "broken", **details)
            plugin = SimpleNamespace(hyperbench_methods=hookimpl(lambda: [entry]))
        super().__init__([PluginSource("broken", "hb-broken", "0.1", lambda: plugin)])

    def method_class(self, name):
        return self._made

    def make_family(self, id_):
        return self._made()


@pytest.fixture
def checked(monkeypatch, capsys):
    """Check a class: whether it passed, and per line of the output its state and what it says."""

    def call(made, asked="broken", **details):
        monkeypatch.setattr(check, "installed", lambda: One(made, **details))
        monkeypatch.setattr(check, "registration_of", lambda _: Registration(0.01, {}))
        passed = check.check_command(asked, [])
        return passed, capsys.readouterr().out

    return call


@pytest.fixture
def say(monkeypatch):
    """Call the command line where the kit's own family is registered: status and output."""

    def call(*words):
        monkeypatch.setattr(check, "installed", lambda: One(LineFamily))
        monkeypatch.setattr(check, "registration_of", lambda _: Registration(0.01, {}))
        done = CliRunner().invoke(app, list(words))
        return done.exit_code, done.output

    return call


def failed_in(said):
    return [line.split()[1].rstrip(":") for line in said.splitlines() if "  FAILED  " in line]


def test_a_good_method_passes_and_each_check_says_what_it_demands(checked):
    passed, said = checked(RandomFeatures)
    assert passed
    assert "All passed." in said
    assert said.count("  ok  ") == len(METHOD_CHECKS) + 1
    demand = "`load` brings the settings that `generate` reads."
    assert f"check_loaded_whatever_its_settings: {demand}" in said


def test_a_fault_is_told_with_why_and_what_to_do(checked):
    passed, said = checked(BROKEN_METHODS["needs validation"][1])
    assert not passed
    assert failed_in(said) == ["check_validation_is_optional"]
    told = said[said.index("FAILED") :]
    for words in ("Protocol `paper-v1` has no", "Found: AttributeError", "Skip early stopping"):
        assert words in told
    assert "1 failed. Mend the first" in said


def test_a_family_is_found_by_its_id_and_its_suite(say):
    for name in ("testing/line-v1", "testing"):
        status, said = say("check", name)
        assert status == 0
        assert "Family testing/line-v1" in said


@pytest.mark.thorough  # one fault is shown above
@pytest.mark.parametrize("fault", TEN)
def test_each_of_ten_faults_is_named_by_the_check_for_it(checked, fault):
    right, method, words = METHODS[fault]
    passed, said = checked(method)
    assert not passed
    assert failed_in(said)[0] == right.__name__  # others may follow from it
    assert words in said


@pytest.mark.thorough  # plays experts
@pytest.mark.parametrize("fault", FEW_FAMILIES)
def test_a_fault_of_a_family_is_named_by_the_check_for_it(checked, fault):
    right, family, _ = FAMILIES[fault]
    passed, said = checked(family, family.info.id)
    assert not passed
    assert failed_in(said)[0] == right.__name__


def test_a_check_that_does_not_apply_is_left_out_and_must_exist(checked, monkeypatch):
    monkeypatch.setattr(check, "why_not_stored", lambda *_: "they are of no kind")
    passed, said = checked(SameSeed, except_for=["check_seed_matters"])
    assert passed
    assert "left out  check_seed_matters" in said
    assert "no row is verified: they are of no kind. A kind is registered by" in said
    with pytest.raises(UnknownNameError, match=r"Did you mean 'check_seed_matters'\?"):
        checked(SameSeed, except_for=["check_seeds_matter"])
    with pytest.raises(UnknownNameError, match=r"Did you mean 'broken'\?"):
        checked(SameSeed, "brokn")


def test_what_fails_alike_is_told_once(checked):
    passed, said = checked(Failing)
    assert not passed
    assert said.count("Raised in") == 1
    first, *others = failed_in(said)
    assert len(others) > 10
    assert said.count(f"As in {first}.") == len(others) - 1  # one says what it means to it


@pytest.mark.thorough  # starts Python twice, to import from nothing
def test_registration_must_be_light(tmp_path, monkeypatch, capsys):
    heavy = tmp_path / "heavy.py"
    heavy.write_text(
        "import hyperbench as hb\n\nimport mujoco\n\n\n"
        "@hb.register_method('heavy')\ndef heavy(demonstrations, seed):\n    pass\n"
    )
    found = registration_of(str(heavy))
    assert found.heavy == {"mujoco": "heavy.py, line 3"}
    assert found.seconds > 0
    monkeypatch.setattr(check, "_num_failed", lambda *_: 0)
    monkeypatch.setattr(check, "installed", lambda: One(RandomFeatures))
    monkeypatch.setattr(check, "registration_of", lambda _: found)
    assert not check.check_command("broken", [])
    assert failed_in(capsys.readouterr().out) == ["registration"]
    with plugged_in([str(heavy)]):  # a user's own affair
        monkeypatch.setattr(check, "installed", installed)
        assert check.check_command(str(heavy), [])
    assert "mujoco is imported by heavy.py, line 3" in capsys.readouterr().out
