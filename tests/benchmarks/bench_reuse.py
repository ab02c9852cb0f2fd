"""What the reuse bound plays beside a full search: every source demonstrator on every target task.

    python tests/benchmarks/bench_reuse.py [--family locomotion/finger-speed-v1] [--repeats 2]

Both are played by turns on one thread, and must give the same rows. Steps are control steps of all
environments.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from hyperbench.arms import play_reuse_bound
from hyperbench.family import TaskFamily
from hyperbench.protocol import QUICK
from hyperbench.registry import installed
from hyperbench.rollout import judged_seeds, rollout
from hyperbench.split import Split
from hyperbench.vector import StreamedVectorEnv

Returns = np.ndarray


def full_search(family: TaskFamily, split: Split, seeds: np.ndarray) -> Returns:
    """Returns of the best source demonstrator of each target, the first of equal ones."""
    best = np.full(seeds.shape, -np.inf)
    for source in split.source:
        policies = family.demonstrators([source] * len(split.target))
        returns = rollout(family, split.target, policies, seeds).returns
        better = returns.mean(axis=1) > best.mean(axis=1)
        best[better] = returns[better]
    return best


def branch_and_bound(family: TaskFamily, split: Split, seeds: np.ndarray) -> Returns:
    """The same by the control arm."""
    return play_reuse_bound(family, split, seeds)[0].returns


def counted(family: TaskFamily) -> list[int]:
    """Have the family's environments add up how many of them each step advances."""
    total = [0]
    make_vec = family.make_vec

    def make(*given: object, **named: object) -> StreamedVectorEnv:
        env = make_vec(*given, **named)
        step = env.step

        def count(actions: np.ndarray) -> tuple:
            total[0] += len(env.going)
            return step(actions)

        env.step = count
        return env

    family.make_vec = make
    return total


def main() -> None:
    """Print steps, seconds and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--family", default="locomotion/finger-speed-v1")
    parser.add_argument("--repeats", type=int, default=1)
    arguments = parser.parse_args()
    family = installed().make_family(arguments.family)
    split = QUICK.split(family, 0)
    seeds = judged_seeds(split, QUICK)
    total = counted(family)
    searches: dict[str, Callable[[], Returns]] = {
        "full search": partial(full_search, family, split, seeds),
        "branch and bound": partial(branch_and_bound, family, split, seeds),
    }
    steps: dict[str, int] = {}
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    rows = {}
    for _ in range(arguments.repeats):
        for name, search in searches.items():
            total[0], started = 0, time.process_time()
            rows[name] = search()
            seconds[name].append(time.process_time() - started)
            steps[name] = total[0]
    if not np.array_equal(*rows.values()):
        raise SystemExit("The searches disagree.")
    print(f"{family.info.id}: {len(split.source)} sources, {len(split.target)} targets")
    medians = {name: float(np.median(each)) for name, each in seconds.items()}
    for name, number in steps.items():
        print(f"  {name:17s}{number:10d} steps  {medians[name]:7.1f} s of one processor")
    full, bound = searches
    print(
        f"branch and bound : full search, {steps[bound] / steps[full]:.2f} of the steps, "
        f"{medians[bound] / medians[full]:.2f} of the time"
    )


if __name__ == "__main__":
    main()
