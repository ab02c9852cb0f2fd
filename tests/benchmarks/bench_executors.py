"""What carrying out costs beside what is carried out, and what a second worker gains.

    python tests/benchmarks/bench_executors.py [--runs 200] [--fits 8] [--board]

First, runs of a method that does nothing on a family of six lines of NumPy: ``hyperbench run`` as a
whole, in a process of its own, for each executor, less the same command where all is finished. Then
as many equal fits with two workers as with one, in rounds that take turns, of which the least time
counts. With ``--board``, which part of a board is none of demonstrating, fitting, generating and
judging: of the command's time with one worker, what its records and events do not account for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLUGIN = Path(__file__).parents[1] / "cases" / "fakes_sized.py"
EXECUTORS = {
    "local, 1 worker": "-j 1",
    "local, 2 workers": "-j 2",
    "dask, 2 workers": "-j 2 --executor dask",
    "slurm's local form, 2 jobs of 50 runs": "-j 2 --executor slurm --executor-config slurm.yml",
}
FIT = "run -m hypogen -s pointmass --no-baselines --set num_steps=200 --split-seeds 0 --device cpu"
BOARD = "run -m hypogen -s locomotion/cheetah-speed --device cpu -j 1"
SHARED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def install(folder: Path) -> None:
    """Lay the plugin into a folder, as if it were installed there."""
    shutil.copy(PLUGIN, folder / "sized.py")
    info = folder / "hb_sized-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hb-sized\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[hyperbench]\nsized = sized\n")
    (folder / "slurm.yml").write_text("cluster: local\nruns_per_job: 50\n")


def timed(folder: Path, line: str, **environment: str) -> float:
    """Give a command; wall-clock seconds."""
    known = {"HYPERBENCH_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(folder)}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "hyperbench", *line.split()],
        cwd=folder,
        env={**os.environ, **dict.fromkeys(SHARED, "1"), **known, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - started


def overhead(folder: Path, num_runs: int) -> None:
    """Seconds a run that does nothing, for each executor."""
    seeds = ",".join(map(str, range(num_runs - 5)))  # and five arms
    plan = f"run -m quick -s sized --no-baselines --split-seeds 0 --fit-seeds {seeds}"
    only = {"HYPERBENCH_LOAD_PLUGINS": "sized"}
    timed(folder, "run -m quick -s sized --no-baselines -o first", **only)
    print(f"{num_runs} runs that do nothing, milliseconds a run")
    for name, options in EXECUTORS.items():
        runs = folder / "-".join(options.split())
        seconds = timed(folder, f"{plan} {options} -o {runs}", **only)
        again = timed(folder, f"{plan} {options} -o {runs}", **only)
        print(f"  {name:40} {1000 * (seconds - again) / num_runs:7.1f}")
        shutil.rmtree(runs)


def second_worker(folder: Path, num_fits: int, num_rounds: int = 3) -> None:
    """How much sooner equal fits are done by two workers."""
    line = f"{FIT} --fit-seeds {','.join(map(str, range(num_fits)))}"
    timed(folder, f"{FIT} --fit-seeds 0 -o arms -j 1")
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(num_rounds):
        for num_jobs, told in seconds.items():
            runs = folder / "fits"
            shutil.copytree(folder / "arms", runs)
            for path in runs.glob("*/generator"):
                shutil.rmtree(path.parent)
            told.append(timed(folder, f"{line} -o {runs} -j {num_jobs}"))
            if told is seconds[1]:
                costs = [read(path) for path in runs.glob("*/record.json")]
                fit = sum(cost.get("fit_seconds") or 0 for cost in costs)
            shutil.rmtree(runs)
    one, two = (min(told) for told in seconds.values())
    print(f"{num_fits} equal fits: {one:.1f} s with one worker, of which {fit:.1f} s in fits;")
    print(f"  {two:.1f} s with two, {one / two:.2f} times as fast")


def board(folder: Path) -> None:
    """Which part of a board is none of demonstrating, fitting, generating and judging."""
    events = folder / "events.jsonl"
    seconds = timed(folder, f"{BOARD} -o board --events {events}")
    told = [json.loads(line) for line in events.read_text().splitlines()]
    shown = [event["time"] for event in told if event["stage"] == "demonstrations"]
    costs = [read(path) for path in (folder / "board").glob("*/record.json")]
    names = ("fit_seconds", "generate_seconds", "rollout_seconds")
    parts = {name: sum(cost.get(name) or 0 for cost in costs) for name in names}
    parts["demonstrations"] = max(shown) - min(shown)
    for name, part in parts.items():
        print(f"  {name:20} {part:7.1f} s")
    rest = seconds - sum(parts.values())
    print(f"  everything else      {rest:7.1f} s of {seconds:.1f} s, {100 * rest / seconds:.1f} %")


def read(path: Path) -> dict[str, float]:
    """What a run cost."""
    cost: dict[str, float] = json.loads(path.read_text())["cost"]
    return cost


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--fits", type=int, default=8)
    parser.add_argument("--board", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        install(folder)
        overhead(folder, asked.runs)
        second_worker(folder, asked.fits)
        if asked.board:
            board(folder)


if __name__ == "__main__":
    main()
