"""Studies: what they propose, what they keep in a file, and where they may search."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from hyperbench.errors import DataError, HyperbenchError
from hyperbench.generator import MethodConfig
from hyperbench.protocol import STANDARD
from hyperbench.provenance import Provenance
from hyperbench.search import Choice, Range
from hyperbench.tuning.halving import Round, cases_of, entrants, read_rounds, verdict
from hyperbench.tuning.propose import NUM_FILLING
from hyperbench.tuning.study import Fit, Study, read_study, write_study

SEARCH = {
    "width": Range(8, 64),
    "rate": Range(1e-4, 1e-1, log=True),
    "depth": Choice((1, 2, 4)),
    "norm": Choice((False, True)),
}


def study_of() -> Study:
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
        provenance=Provenance(
            created="", versions={}, machine="", num_cores=1, commit=None, dirty=None
        ),
    )


def with_scores(
    one: Study, number: int, *scores: float | None, seconds: float | None = None
) -> Study:
    seconds = 1.0 + number if seconds is None else seconds
    for case, score in enumerate(scores):
        error = "it broke" if score is None else None
        one = one.judged(number, case, Fit(score=score, seconds=seconds, error=error))
    return one


def test_proposals_lie_in_the_space_and_survive_a_file(tmp_path: Path) -> None:
    one = study_of()
    for number in range(NUM_FILLING + 4):
        one = one.begun(number, [0])
        settings = one.trials[number].settings
        assert all(settings[name] in where for name, where in SEARCH.items())
        assert [type(settings[name]) for name in SEARCH] == [int, float, int, bool]
        one = with_scores(one, number, float(number))
        write_study(tmp_path / "study", one)
        assert read_study(tmp_path / "study") == one
    assert one.trials[0].settings == one.config
    assert len({trial.settings["width"] for trial in one.trials}) > 5


def test_the_first_settings_fill_the_space_and_are_of_the_method() -> None:
    tried = [t.settings for t in study_of().begun(NUM_FILLING, []).trials[1:]]
    rates = np.log10([settings["rate"] for settings in tried])
    thirds = np.histogram(rates, bins=3, range=(-4, -1))[0]
    assert thirds.min() >= 3, "none of a third of the orders of magnitude is left out"
    widths = np.histogram([s["width"] for s in tried], bins=3, range=(8, 64))[0]
    assert widths.min() >= 3
    assert {settings["depth"] for settings in tried} == {1, 2, 4}
    other = study_of().model_copy(update={"method": "other"}).begun(NUM_FILLING, [])
    assert not {t.settings["rate"] for t in other.trials[1:]} & {s["rate"] for s in tried}


HALVING = (Round(4, 1, 1), Round(2, 1, 3), Round(1, 2, 3))


def halved() -> Study:
    """Three splits of two families: cases 0 to 2 are the first family's."""
    seeds = STANDARD.seeds[:3]
    one = study_of().model_copy(
        update={
            "families": ("testing/line-v1", "testing/other-v1"),
            "protocol": STANDARD.model_copy(update={"seeds": seeds}),
        }
    )
    one = one.begun(3, [0])
    for number, score in enumerate([0.1, 0.5, None, 0.9]):
        one = with_scores(one, number, score)
    return one


def test_the_best_go_on_and_the_defaults_always() -> None:
    one = halved()
    assert [cases_of(one, each) for each in HALVING] == [[0], [0, 1, 2], [0, 1, 2, 3, 4, 5]]
    assert entrants(one, HALVING, 0) == [0, 1, 2, 3]
    assert entrants(one, HALVING, 1) == [0, 1, 3], "what failed does not"
    for number, scores in {0: (0.1, 0.1, 0.1), 1: (0.5, 0.6, 0.7), 3: (0.9, 0.0, 0.0)}.items():
        one = with_scores(one, number, *scores)
    assert entrants(one, HALVING, 2) == [0, 1]


def test_of_settings_that_are_not_told_apart_the_cheaper_ones_are_chosen() -> None:
    rounds = (Round(4, 1, 3),)
    one = halved()
    for number, scores in {0: (0.5, 0.6, 0.4), 1: (0.6, 0.5, 0.5), 3: (0.9, 0.91, 0.92)}.items():
        one = with_scores(one, number, *scores)
    found = verdict(one, rounds)
    assert (found.best.number, found.chosen.number) == (3, 3)
    one = with_scores(one, 3, 0.5, 0.62, 0.49)
    found = verdict(one, rounds)
    assert (found.best.number, found.chosen.number) == (3, 0), "the defaults take least time"
    assert [trial.number for trial in found.close] == [0, 1, 3]
    one = with_scores(one, 1, 0.6, 0.5, 0.5, seconds=1.15)
    assert verdict(one, rounds).chosen.number == 1, "better, and no longer than noise may make it"
    assert verdict(with_scores(halved(), 0, None), (Round(1, 1, 1),)) is None


@pytest.mark.parametrize("text", ["24x2x1,6x5x1,2x5x3", "3x1x1", " 3x1x1 , 2x1x2"])
def test_rounds_are_read_as_they_are_said(text: str) -> None:
    assert ",".join(map(str, read_rounds(text))) == text.replace(" ", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("24", "takes settings x families x splits of each round, such as 24x2x1"),
        ("0x1x1", "found '0x1x1'"),
        ("6x2x1,6x2x2", "after 6x2x1 a round has fewer settings"),
        ("6x2x1,3x1x1", "no fewer families or splits; found 3x1x1"),
    ],
)
def test_rounds_that_make_no_sense_are_refused(text: str, message: str) -> None:
    with pytest.raises(HyperbenchError, match=message):
        read_rounds(text)


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
