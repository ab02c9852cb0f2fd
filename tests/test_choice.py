"""Which of the runs in some folders are meant."""

from pathlib import Path

import numpy as np
import pytest
import typer

from hyperbench import cli
from hyperbench.boards.choice import Choice, find_chosen
from hyperbench.errors import UnknownNameError
from hyperbench.protocol import QUICK, STANDARD
from hyperbench.records.bundled import open_run
from hyperbench.records.lines import method_of

BOARD = Path(__file__).parents[1] / "leaderboards" / "pointmass" / "standard-v1"
RETURNS = np.zeros(8)
CHOOSING = ("export", "inspect", "leaderboard", "publish", "report", "verify")


@pytest.fixture
def chosen(write_run, tmp_path):
    """Several protocols, suites, rows and splits; gives what is chosen, in words."""
    for protocol in (QUICK, STANDARD):
        for family in ("toy/size-v1", "toy/other-v1", "zoo/size-v1"):
            rest = {"protocol": protocol, "family": family}
            write_run("random", RETURNS, is_arm=True, **rest)
            write_run("random", RETURNS, is_arm=True, split_seed=1, **rest)
            write_run("learned", RETURNS, **rest)
            write_run("learned", RETURNS, overrides={"width": 8}, **rest)
    write_run("scarce", RETURNS, protocol=QUICK, split_seed=1)

    def choose(protocols=(), suites=(), methods=(), **options):
        found = find_chosen([tmp_path / "runs"], Choice(protocols, suites, methods), **options)
        records = [open_run(place).record for place in found]
        return sorted(f"{r.protocol.id} {r.label}" for r in records)

    return choose


def test_what_is_named_is_chosen_and_arms_stay_with_it(chosen):
    assert len(chosen()) == 2 * 3 * 4 + 1
    assert len(chosen([STANDARD.id])) == len(chosen([STANDARD.id], ["toy", "zoo"])) == 12
    families = (["toy/other-v1"], ["toy/other"])
    assert [len(chosen([QUICK.id], family)) for family in families] == [4, 4]
    row = ["learned [width=8]"]
    assert chosen([QUICK.id], ["zoo"], row) == [
        "quick-v1 learned [width=8] on zoo/size-v1 (split 0, fit 0)",
        "quick-v1 random on zoo/size-v1 (split 0)",
    ]
    assert chosen(methods=["scarce"]) == [
        # On its board, and of its split.
        "quick-v1 random on toy/other-v1 (split 1)",
        "quick-v1 random on toy/size-v1 (split 1)",
        "quick-v1 scarce on toy/size-v1 (split 1, fit 0)",
    ]
    assert len(chosen(methods=["scarce"], with_arms=False)) == 1
    assert len(chosen(methods=["learned"], with_arms=False)) == 2 * 3 * 2
    assert len(chosen(methods=["random"])) == 2 * 3 * 2


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            {"protocols": ["quick"]},
            "Unknown protocol in these runs 'quick'. Did you mean 'quick-v1'?  "
            "There are: quick-v1, standard-v1.",
        ),
        ({"suites": ["zo"]}, "suite or family in these runs 'zo'. Did you mean 'zoo'?"),
        (
            {"methods": ["learned [width=9]"]},
            "method or row in these runs 'learned [width=9]'. "
            "Did you mean 'learned [width=8]'?  There are: learned, learned [width=8], random, "
            "scarce.",
        ),
        # There is one, but not of this suite.
        (
            {"suites": ["zoo"], "methods": ["scarce"]},
            "There are: learned, learned [width=8], random.",
        ),
    ],
)
def test_a_name_of_which_there_is_no_run_is_refused(chosen, choice, message):
    with pytest.raises(UnknownNameError) as caught:
        chosen(**choice)
    assert message in str(caught.value)


def test_runs_of_a_committed_board_are_chosen():
    places = find_chosen([BOARD], Choice(methods=["hypogen"]), with_arms=False)
    assert {method_of(place.parent) for place in places} == {"hypogen"}


def test_what_cannot_be_read_stays_for_whoever_reads_it(write_run, tmp_path):
    broken, whole = write_run("learned", RETURNS), write_run("other", RETURNS)
    (broken / "record.json").write_text("{")
    write_run("third", RETURNS)
    assert find_chosen([tmp_path / "runs"], Choice(methods=["other"])) == sorted([broken, whole])


def test_every_command_that_reads_runs_chooses_alike():
    commands = typer.main.get_command(cli.app).commands
    for name in CHOOSING:
        options = {option for param in commands[name].params for option in param.opts}
        assert {"--protocol", "-p", "--suite", "-s", "--method", "-m"} <= options
        assert not any(
            param.envvar
            for param in commands[name].params
            if param.name in ("protocol", "suite", "method")
        )
