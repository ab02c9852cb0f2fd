"""Studies: what they propose, what they keep in a file, and where they may search."""

from pathlib import Path
from typing import ClassVar

import pytest

from hyperbench.errors import DataError
from hyperbench.generator import MethodConfig
from hyperbench.protocol import STANDARD
from hyperbench.provenance import Provenance
from hyperbench.search import Choice, Range
from hyperbench.tuning.study import Study, Trial, read_study, write_study

SEARCH = {
    "width": Range(8, 64),
    "rate": Range(1e-4, 1e-1, log=True),
    "depth": Choice((1, 2, 4)),
    "norm": Choice((False, True)),
}


def study_of(*trials: Trial) -> Study:
    return Study(
        key="k",
        method="dial",
        method_version=1,
        overrides={},
        config={"width": 16, "rate": 0.01, "depth": 2, "norm": True},
        search=SEARCH,
        seed=0,
        families=("testing/line-v1",),
        protocol=STANDARD,
        device="cpu",
        trials=trials,
        provenance=Provenance(
            created="", versions={}, machine="", num_cores=1, commit=None, dirty=None
        ),
    )


def test_proposals_lie_in_the_space_and_survive_a_file(tmp_path: Path) -> None:
    one = study_of()
    for number in range(14):
        settings = one.next_settings()
        assert all(settings[name] in where for name, where in SEARCH.items())
        assert [type(settings[name]) for name in SEARCH] == [int, float, int, bool]
        trial = Trial(number=number, settings=settings, status="ok", score=number, seconds=1.0)
        one = one.model_copy(update={"trials": (*one.trials, trial)})
        write_study(tmp_path / "study", one)
        assert read_study(tmp_path / "study") == one
    assert one.trials[0].settings == one.config
    assert len({trial.settings["width"] for trial in one.trials}) > 5
    assert [trial.number for trial in one.ranked] == list(range(13, -1, -1))


def test_a_damaged_study_is_an_error_and_none_is_none(tmp_path: Path) -> None:
    assert read_study(tmp_path) is None
    (tmp_path / "study.json").write_text('{"key": 3}')
    with pytest.raises(DataError, match=r"is not a study: .* Remove it to start anew"):
        read_study(tmp_path)


@pytest.mark.parametrize(
    "make", [lambda: Range(2, 2), lambda: Range(0, 1, log=True), lambda: Choice(("a",))]
)
def test_a_space_without_room_is_refused(make) -> None:
    with pytest.raises(ValueError, match=r"no range|nothing to choose"):
        make()


def test_a_space_that_names_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.SEARCH names 'rate', which is no field"):

        class Wrong(MethodConfig):
            SEARCH: ClassVar = {"rate": Range(0.1, 1.0)}
