"""How often the interval of a score covers what endless runs would have: also near 0 and 1."""

from pathlib import Path

import numpy as np
import pytest

from hyperbench.boards.leaderboard import board_tables
from hyperbench.boards.pairing import scores_by_run
from hyperbench.records.find import find_runs
from hyperbench.statistics import draw_counts, interval_within_bounds, resample_clipped_mean

COMMITTED = Path(__file__).parents[1] / "leaderboards" / "pointmass"
NUM_TASKS = 28


def simulated(level, effect="normal", num_families=1):
    """A world whose runs can be drawn: of each family an array of the score of each task.

    As in ``test_statistics.coverage`` runs differ by an effect of their own, tasks by one that all
    runs share, and a run is judged on 28 of 40 tasks; levels of several families differ.
    """
    world = np.random.default_rng(99)
    levels = level + 0.3 * (np.arange(num_families) - (num_families - 1) / 2) / num_families
    tasks = levels[:, None] + world.normal(0, 0.15, (num_families, 40))
    effects = {
        "normal": lambda draws, num: 0.08 * draws.normal(size=num),
        "skewed": lambda draws, num: 0.08 * (1 - draws.exponential(1, num)),
        "one in five fails": lambda draws, num: (
            0.04 * draws.normal(size=num) - 0.4 * (draws.random(num) < 0.2)
        ),
    }

    def runs(draws, family, num):
        chosen = draws.permuted(np.tile(tasks[family], (num, 1)), axis=1)[:, :NUM_TASKS]
        noise = draws.normal(0, 0.05, (num, NUM_TASKS))
        return chosen + effects[effect](draws, num)[:, None] + noise

    return num_families, runs


def committed(method):
    """As ``simulated``, of a committed row: one of its runs, with its tasks drawn again."""
    (part,) = board_tables(find_runs([COMMITTED]))
    table = part.table[part.table["method"] == method]
    known = np.stack(list(scores_by_run(table).values()))

    def runs(draws, _, num):
        chosen = draws.integers(0, len(known), num)
        return known[chosen[:, None], draws.integers(0, known.shape[1], (num, known.shape[1]))]

    return 1, runs


def coverage(world, num_runs, num_boards, interval=interval_within_bounds):
    """Share of boards whose interval covers the truth, and the mean width."""
    num_families, runs = world
    draws = np.random.default_rng(num_runs)
    many = [runs(draws, family, 20_000).clip(0, 1).mean() for family in range(num_families)]
    truth, covered, widths = np.mean(many), 0, []
    for _ in range(num_boards):
        strata = [list(runs(draws, family, num_runs)) for family in range(num_families)]
        counts = draw_counts([num_runs] * num_families, draws, num_resamples=400)
        low, high = interval(resample_clipped_mean(strata, counts))
        assert 0 <= low <= high <= 1
        covered += low <= truth <= high
        widths.append(high - low)
    return covered / num_boards, float(np.mean(widths))


@pytest.mark.parametrize("level", [0.7, 1.1])
def test_interval_of_five_runs_covers_95_percent(level):
    """Of scores far from the bounds, and of such that nearly all lie at one."""
    share, _ = coverage(simulated(level), 5, num_boards=400)
    assert share == pytest.approx(0.95, abs=0.03)


@pytest.mark.thorough
@pytest.mark.parametrize("num_families", [1, 9])
@pytest.mark.parametrize("level", [0.3, 0.9, 1.1])
def test_interval_covers_95_percent(level, num_families):
    for num_runs in (3, 5, 10):
        share, _ = coverage(simulated(level, num_families=num_families), num_runs, num_boards=500)
        assert share > 0.92


@pytest.mark.thorough
@pytest.mark.parametrize("method", ["conditional", "hyperzero", "film", "spec-blind"])
def test_interval_of_committed_runs_covers(method):
    """What falls short are rows of which one run in five is unlike the others."""
    for num_runs in (3, 5, 10):
        assert coverage(committed(method), num_runs, num_boards=500)[0] > 0.86
