"""What a board of many runs costs: seconds, time per run part by part, and peak memory.

    python tests/benchmarks/bench_leaderboard.py [--runs 10000] [--folder DIR]

The runs are synthetic: two arms and eight methods on four families, as many pairs of seeds as give
the number asked for, 40 target tasks x 10 episodes each. They are written by the code that writes
real ones, into a temporary folder, or into the folder given, where a later call finds them again.
``hyperbench leaderboard`` is measured whole, in a process of its own. Its parts are measured
afterwards in this one, on files that the system then has in memory, as processor time, which a busy
machine stretches less than it stretches wall-clock time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hyperbench.boards.leaderboard import make_boards
from hyperbench.boards.scores import task_table
from hyperbench.family import FamilyInfo
from hyperbench.files import sha256_file
from hyperbench.protocol import STANDARD, SeedPair
from hyperbench.provenance import provenance
from hyperbench.records.find import find_runs
from hyperbench.records.gather import gather
from hyperbench.records.record import Cost, RunRecord, SplitEntry, TaskEntry
from hyperbench.records.store import EPISODES, StoredRun, write_record
from hyperbench.rollout import EpisodeTable
from hyperbench.seeding import content_hash
from hyperbench.task import Feature, SpecSpace

NUM_TASKS, NUM_TARGETS, NUM_EPISODES = 57, 40, 10
FAMILIES = tuple(f"bench/size-{name}-v1" for name in "abcd")
METHODS = ("random", "expert", *(f"method-{i}" for i in range(8)))
SPACE = SpecSpace((Feature("size", 0.0, 1.0, "m", "goal"),))


def write_runs(folder: Path, num_runs: int) -> None:
    """Write synthetic runs below a folder."""
    origin = provenance()
    num_seeds = -(-num_runs // (len(FAMILIES) * len(METHODS)))
    for split_seed in range(num_seeds):
        rng = np.random.default_rng(split_seed)
        for family in FAMILIES:
            tasks = SPACE.grid(family, size=np.linspace(0, 1, NUM_TASKS).tolist())
            order = [tasks[i] for i in rng.permutation(NUM_TASKS)]
            targets = order[:NUM_TARGETS]
            entries = [
                TaskEntry(
                    key=task.key,
                    features={"size": task.values[0]},
                    region="interpolation" if i % 3 else "extrapolation",
                    distance=i / NUM_TASKS,
                )
                for i, task in enumerate(order)
            ]
            split = SplitEntry(
                source=tuple(entries[NUM_TARGETS + 6 :]),
                validation=tuple(entries[NUM_TARGETS : NUM_TARGETS + 6]),
                target=tuple(entries[:NUM_TARGETS]),
            )
            for number, method in enumerate(METHODS):
                is_arm = number < 2
                record = RunRecord(
                    key=content_hash([method, family, split_seed]),
                    method=method,
                    is_arm=is_arm,
                    overrides={},
                    config={} if is_arm else {"num_steps": 1500, "learning_rate": 0.001},
                    method_version=int(not is_arm),
                    family=family,
                    family_info=FamilyInfo(family, "", 100, False, "MIT", "", "numpy", "e1"),
                    protocol=STANDARD,
                    seeds=SeedPair(split=split_seed, fit=0 if is_arm else split_seed),
                    device="cpu",
                    status="ok",
                    split=split,
                    cost=Cost(num_parameters=10_000, fit_seconds=1.0, generate_seconds=0.01),
                    num_target_rollouts=NUM_TARGETS * NUM_EPISODES,
                    provenance=origin,
                )
                level = {"random": 0.0, "expert": 1.0}.get(method, number / len(METHODS))
                shape = (NUM_TARGETS, NUM_EPISODES)
                table = EpisodeTable(
                    tasks=tuple(targets),
                    seeds=rng.integers(0, 2**48, shape),
                    returns=100 * (level + 0.1 * rng.normal(size=shape)),
                    lengths=np.full(shape, 100),
                    successes=None,
                    terminated=np.zeros(shape, dtype=bool),
                )
                write_record(folder, record, table)


def timed(part: Callable[[], object]) -> float:
    """Processor seconds that a part takes."""
    start = time.process_time()
    part()
    return time.process_time() - start


def measure_whole(folder: Path) -> None:
    """Print wall-clock time, processor time and peak memory of the command."""
    program = "import sys; from hyperbench.cli import main; main()"
    command = [sys.executable, "-c", program, "leaderboard", str(folder), "-f", "csv"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit("hyperbench leaderboard failed")
    print(
        f"hyperbench leaderboard: {seconds:.1f} s, {usage.ru_utime + usage.ru_stime:.1f} s of "
        f"processor time, at most {usage.ru_maxrss / 2**20:.2f} GiB"
    )


def measure_parts(folder: Path) -> None:
    """Print what each part costs, per run."""
    folders = find_runs([folder])
    runs = gather(folders).runs
    seconds = {
        "find": timed(lambda: find_runs([folder])),
        "read and parse records": timed(lambda: gather(folders)),
        "read and hash episodes": timed(lambda: [sha256_file(run / EPISODES) for run in folders]),
    }
    means = timed(lambda: [StoredRun(record, run).task_means() for record, run in runs])
    seconds["parse episodes"] = means - seconds["read and hash episodes"]
    seconds["score tasks"] = timed(lambda: task_table(runs)) - means
    whole = timed(lambda: make_boards(folders))
    before = seconds["read and parse records"] + means + seconds["score tasks"]
    seconds["statistics"] = whole - before
    for part, spent in seconds.items():
        print(f"{part:30}{spent:8.2f} s{1000 * spent / len(folders):8.3f} ms a run")


def main() -> None:
    """Make the runs where there are none, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="of the runs; kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary) / "runs"
        if not folder.exists():
            seconds = timed(lambda: write_runs(folder, arguments.runs))
            print(f"wrote the runs in {seconds:.0f} s")
        measure_whole(folder)
        measure_parts(folder)


if __name__ == "__main__":
    main()
