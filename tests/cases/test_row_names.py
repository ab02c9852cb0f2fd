"""A row is named by its config, in one spelling: by what differs from the method's defaults."""

import shlex

import numpy as np
import pytest
from hyperbench_baselines.conditional import ConditionalConfig
from hyperbench_baselines.hypogen import HypogenConfig
from rich.console import Console

from hyperbench.boards.worlds import method_labels
from hyperbench.commands.studies import print_study
from hyperbench.generator import MethodConfig
from hyperbench.measuring.plan import plan
from hyperbench.measuring.settings import changed_settings
from hyperbench.protocol import QUICK
from hyperbench.registry import installed
from hyperbench.run import spelled
from hyperbench.search import Choice, Range
from hyperbench.tuning.halving import Round
from hyperbench.tuning.study import Fit, new_study


class Needy(MethodConfig):
    """A config with a setting that has no default."""

    size: int
    sizes: tuple[int, ...] = (1, 2)
    name: str | None = "x"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (ConditionalConfig(), {}),
        (ConditionalConfig(num_steps=1500, learning_rate=5e-3), {}),
        (ConditionalConfig(learning_rate="1e-3"), {"learning_rate": 0.001}),
        (ConditionalConfig(preset="matched"), {"preset": "matched"}),
        (ConditionalConfig(preset="matched", embedding_width="matched"), {"preset": "matched"}),
        (HypogenConfig(preset="published"), {"preset": "published"}),
        (
            HypogenConfig(preset="published", learning_rate=3.2e-4),
            {"preset": "published", "learning_rate": 3.2e-4},
        ),
        (HypogenConfig(policy="manipulation"), {"policy": "manipulation"}),
        (Needy(size=3, sizes=[1, 2]), {"size": 3}),
        (Needy(size=3, sizes=[3], name=None), {"size": 3, "sizes": [3], "name": None}),
    ],
)
def test_what_differs_from_the_defaults_makes_the_config(config, expected):
    assert changed_settings(config) == expected
    assert type(config).model_validate(expected) == config


@pytest.mark.parametrize(
    ("said", "num_steps", "label"),
    [
        ([], 40, "conditional"),
        (["num_steps=40"], 40, "conditional"),
        (["num_steps=1500"], 1500, "conditional [num_steps=1500]"),
        (["preset=matched"], 40, "conditional [preset=matched]"),
    ],
)
def test_a_protocols_budget_names_no_row(said, num_steps, label):
    brief = QUICK.model_copy(update={"id": "brief-v1", "num_steps": 40})
    runs = plan(installed(), ["conditional"], "pointmass", brief, settings=said, baselines=False)
    run = runs[-1]
    assert (run.config["num_steps"], run.row_label) == (num_steps, label)
    assert ConditionalConfig(**brief.budget(run.config) | run.overrides).num_steps == num_steps


SPELLINGS = [
    ["learning_rate=1e-3", "num_steps=20"],
    ["num_steps=020", "conditional.learning_rate=0.001"],
    ["num_steps=20.0", "learning_rate=0.0010", "embedding_width=128", "policy=locomotion"],
]


def test_one_config_is_one_run_with_one_name(tmp_path):
    runs = [
        next(
            run
            for run in plan(
                installed(),
                ["conditional"],
                "pointmass",
                QUICK,
                baselines=False,
                settings=settings,
                data_dir=tmp_path,
            )
            if not run.is_arm
        )
        for settings in SPELLINGS
    ]
    assert runs[0] == runs[1] == runs[2]
    assert runs[0].row_label == "conditional [learning_rate=0.001, num_steps=20]"


CONFIG = {"num_steps": 100, "learning_rate": 0.003}
TYPED = [
    {"learning_rate": "3e-3", "num_steps": "100"},
    {"learning_rate": "0.003"},
    {"learning_rate": 0.003},
]


def test_records_from_before_share_the_row_of_their_config(write_run, board_of):
    """Whatever was typed then: seeds 0 to 2 of one config, and another one beside it."""
    for seed, overrides in enumerate(TYPED):
        arm = {"is_arm": True, "split_seed": seed}
        write_run("random", np.zeros(8), **arm)
        write_run("expert", np.ones(8), **arm)
        write_run("learned", np.full(8, 0.5), split_seed=seed, overrides=overrides, config=CONFIG)
    board, rows = board_of()
    assert rows["learned [learning_rate=0.003]"]["num_runs"].value == 3
    assert [row.method for row in board.rows if row.method.startswith("learned")] == [
        "learned [learning_rate=0.003]"
    ]
    assert not [note for note in board.notes if "missing" in note]


def test_equal_names_of_different_configs_stay_apart(make_record):
    one, other = (
        make_record("m", fit_seed=seed, overrides={"a": 1}, config={"a": 1, "b": seed})
        for seed in range(2)
    )
    labels = method_labels([one, other])
    assert len(set(labels.values())) == 2
    assert all("settings" in label for label in labels.values())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.001, "0.001"),
        (1e-05, "1e-05"),
        (None, "null"),
        (True, "true"),
        ("relu", "relu"),
        ("None", '"None"'),
        ("32", '"32"'),
        ("", '""'),
        ((64, 32), "[64, 32]"),
        ({"ä": 1.0}, '{"ä": 1.0}'),
    ],
)
def test_values_have_one_spelling(value, text):
    assert spelled(value) == text


def test_what_tune_found_is_repeated_exactly(make_record, capsys):
    """``Best:`` is pasted into a shell: all digits, and what the user fixed as well."""
    config = {"rate": 0.01, "sizes": [1, 2], "name": "None", "width": 16}
    run = make_record("dial", config=config, overrides={"sizes": [1, 2]})
    search = {"rate": Range(1e-6, 1.0, log=True), "name": Choice(("None", "b c"))}
    study = new_study([run], {**search, "width": Range(1, 99)}, seed=0, fixed=["width"])
    settings = {"rate": 0.00041432268123, "name": "b c"}
    for number, score in enumerate([0.1, 0.5]):
        study = study.begun(number, [0]).judged(number, 0, Fit(score=score, seconds=1.0))
    found = study.trials[1].model_copy(update={"settings": settings})
    study = study.model_copy(update={"trials": (study.trials[0], found)})
    print_study(study, [Round(2, 1, 1)], Console(width=80))
    best = capsys.readouterr().out.partition("Best: ")[2]
    command = ["hyperbench", "run", "-m", "dial", "-s", run.family, "-p", run.protocol.id]
    said = shlex.split(best.splitlines()[0])
    assert said[:8] == command
    assert said[9::2] == ["sizes=[1, 2]", "width=16", "rate=0.00041432268123", "name=b c"]
