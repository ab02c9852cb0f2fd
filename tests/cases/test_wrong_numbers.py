"""Numbers that would mislead are not made: references that order the wrong way, rows of less."""

from typing import ClassVar

import numpy as np
import pytest

from hyperbench.commands.export import export_command
from hyperbench.errors import ContractError, HyperbenchError
from hyperbench.generator import MethodConfig
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.rollout import episode_seeds, rollout
from hyperbench.search import Choice, Range
from hyperbench.testing import LineFamily
from hyperbench.tuning.study import new_study

SEEDS = range(5)
PROTOCOL = EvalProtocol(
    id="test-v1", summary="for tests", seeds=tuple(SeedPair(split=i, fit=i) for i in SEEDS)
)


def test_where_an_expert_earns_less_than_random_there_is_no_score(write_run, board_of):
    """Inverted, the worse would be the better: solving a task would score -2.83."""
    random, expert = np.array([0.0, 10, 0, 0]), np.array([1.0, 2, 1, 1])
    write_run("random", random, is_arm=True)
    write_run("expert", expert, is_arm=True)
    write_run("solves", np.array([0.5, 30.0, 0.5, 0.5]))
    board, rows = board_of()
    assert rows["solves"]["score"].value is None
    (note,) = board.notes
    assert "or the expert earns less" in note


@pytest.fixture
def write(write_run):
    def seeds(method, levels, seeds=SEEDS, **fields):
        for seed in seeds:
            write_run(method, levels, split_seed=seed, fit_seed=seed, protocol=PROTOCOL, **fields)

    seeds("random", np.zeros(8), is_arm=True)
    seeds("expert", np.ones(8), is_arm=True)
    return seeds


def test_a_row_whose_runs_failed_has_no_rank(write, write_run, board_of):
    """It would be averaged over the easier ones, and stand first."""
    write("fragile", np.full(8, 0.9), seeds=(0, 1, 2))
    for seed in (3, 4):
        write_run("fragile", split_seed=seed, fit_seed=seed, protocol=PROTOCOL)
    write("sturdy", np.full(8, 0.5))
    _, rows = board_of()
    assert rows["fragile"]["rank"].value is None
    assert rows["sturdy"]["rank"].value == 1


def test_a_pair_of_seeds_that_is_missing_is_a_row_of_nan_for_rliable(write, tmp_path):
    """Left out, it would make a row of fewer runs look like one of all."""
    write("whole", np.full(8, 0.5))
    write("file", np.full(8, 0.9), seeds=(0, 1, 2, 4))  # what savez calls its first argument
    export_command([tmp_path / "runs"], "rliable", tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz") as arrays:
        assert arrays["whole"].shape == arrays["file"].shape == (5, 8)
        missing = np.isnan(arrays["file"]).all(axis=1)
        np.testing.assert_array_equal(missing, [False, False, False, True, False])
        np.testing.assert_allclose(arrays["file"][~missing], 0.9)


def test_an_observation_that_is_not_finite_is_named_with_its_task_and_step():
    class Dropout(LineFamily):
        def make_vec(self, tasks, num_threads=1):
            env = super().make_vec(tasks, num_threads)
            step, count = env.step, iter(range(100))

            def broken(actions):
                observations, *rest = step(actions)
                if next(count) == 4:
                    observations = observations.copy()
                    observations[1] = np.nan
                return (observations, *rest)

            env.step = broken
            return env

    family = Dropout()
    tasks = family.tasks[:2]
    where = f"Family testing/line-v1, {tasks[1].label}, step 5"
    with pytest.raises(ContractError, match=f"{where}: observation must be finite"):
        rollout(family, tasks, family.expert(tasks), episode_seeds(0, "case", tasks, 1))


@pytest.mark.parametrize(
    ("default", "search"),
    [(1e-3, Range(1e-2, 1e-1, log=True)), ("adam", Choice(("sgd", "lion"))), (0, Range(1, 9))],
)
def test_a_default_outside_of_the_search_space_is_found_when_the_class_is_made(default, search):
    with pytest.raises(TypeError, match=r"Wrong\.SEARCH looks for 'setting' in .* is not"):

        class Wrong(MethodConfig):
            SEARCH: ClassVar = {"setting": search}

            setting: type(default) = default
            """A setting."""


def test_settings_that_lead_out_of_the_search_space_are_found_before_anything_is_fitted(
    make_record,
):
    record = make_record("m")
    run = record.model_copy(update={"config": {"width": "matched"}})
    with pytest.raises(HyperbenchError, match=r"Trial 0 of 'm' would have width=matched"):
        new_study([run], {"width": Choice((64, 128))}, seed=0)
