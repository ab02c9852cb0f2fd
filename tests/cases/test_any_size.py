"""The same plan anywhere: whatever executor, kill or second command, the same table."""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

PLUGIN = Path(__file__).with_name("fakes_sized.py")
PLAN = "run -m quick -s sized --no-baselines --split-seeds 0,1 --fit-seeds 0,1,2,3,4"
NUM_ARMS, NUM_FITS = 2 * 5, 2 * 5
EXECUTORS = (
    "-j 1",
    "-j 2 --executor dask",
    "--executor slurm --executor-config slurm.yml",
)
EXECUTOR_NAMES = ("local", "dask", "slurm")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the plugin, installed."""
    folder = tmp_path_factory.mktemp("sized")
    shutil.copy(PLUGIN, folder / "sized.py")
    info = folder / "hb_sized-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hb-sized\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[hyperbench]\nsized = sized\n")
    (folder / "slurm.yml").write_text("cluster: local\nruns_per_job: 5\n")
    return folder


@pytest.fixture(scope="module")
def begin(place):
    """Start a command in the folder of the plugin."""

    def start(line, **options):
        known = {
            "PYTHONPATH": os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]),
            "HYPERBENCH_DATA_DIR": str(place / "data"),
            "HYPERBENCH_LOAD_PLUGINS": "sized",
            "COLUMNS": "300",
        }
        env = {**os.environ, **known, **options.pop("env", {})}
        return subprocess.Popen(
            [sys.executable, "-m", "hyperbench", *line.split()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=place,
            env=env,
            **options,
        )

    return start


@pytest.fixture(scope="module")
def give(begin):
    """Give a command; its exit status, standard output and error."""

    def run(line, **options):
        process = begin(line, **options)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return run


def table(out):
    """The table of scores, without costs, notes and places."""
    return out.partition("\nCost")[0]


@pytest.fixture(scope="module")
def undisturbed(place, give):
    code, out, err = give(f"{PLAN} -j 2 -o undisturbed")
    assert code == 0, err
    assert f"[{NUM_ARMS + NUM_FITS}/{NUM_ARMS + NUM_FITS}]" in err
    return table(out)


def fits(log):
    """How often each fit began, and ended, by its seed and method."""
    said = [json.loads(line) for line in log.read_text().splitlines()]
    return (
        Counter((one["method"], one["seed"]) for one in said if one["what"] == what)
        for what in ("begun", "ended")
    )


def test_two_commands_at_one_folder_share_the_work(place, begin, undisturbed):
    log = place / "shared.log"
    shutil.rmtree(place / "data")  # demonstrations are made once, too
    line = f"{PLAN} --set seconds=0.5 -j 1 -o shared"
    both = [begin(line, env={"SIZED_LOG": str(log)}) for _ in range(2)]
    told = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    begun, ended = fits(log)
    assert begun == ended
    assert set(begun.values()) == {2}  # a fit's seed is the same on both splits
    assert begun.total() == NUM_FITS
    both_told = "".join(err for _, err in told)
    made = Counter(re.findall(r"\((split \d), fit \d\): demonstrations\n", both_told))
    assert set(made.values()) == {1}
    assert table(told[0][0]) == table(told[1][0])


@pytest.mark.thorough  # several commands
def test_a_shard_is_a_part_and_shards_are_joined(place, give, undisturbed):
    for number in (1, 2):
        code, out, err = give(f"{PLAN} -j 2 -o shard{number} --shard {number}/2")
        assert code == 0, err
        assert f"Shard {number}/2 of 20 runs: 10 are done in" in out
    code, _, err = give("merge shard1 shard2 -o joined")
    assert code == 0, err
    code, out, err = give("leaderboard joined")
    assert code == 0, err
    assert table(out) == undisturbed
    code, _, err = give(f"{PLAN} --shard 3/2 -o never")
    assert code == 2
    assert "--shard takes i/n" in err


@pytest.mark.thorough  # starts clusters
@pytest.mark.parametrize("options", EXECUTORS, ids=EXECUTOR_NAMES)
def test_every_executor_gives_the_same_table(place, give, undisturbed, options):
    folder = options.replace(" ", "")
    code, out, err = give(f"{PLAN} -o {folder} {options} --events {folder}.jsonl")
    assert code == 0, err
    assert table(out) == undisturbed
    events = [json.loads(line) for line in (place / f"{folder}.jsonl").read_text().splitlines()]
    ends = [event for event in events if event["status"] != "running"]
    assert len(ends) == NUM_ARMS + NUM_FITS
    assert {event["status"] for event in ends} == {"ok"}
    assert any(event["stage"] == "fitting" and event["num_steps"] == 10 for event in events)
    assert all(event["label"].endswith(")") for event in ends)


@pytest.mark.thorough  # waits for a fit that never ends; for each cause alone see test_workers.py
@pytest.mark.parametrize("options", EXECUTORS, ids=EXECUTOR_NAMES)
def test_what_goes_wrong_is_one_failed_record_each(place, give, undisturbed, options):
    def limit():
        # Of files, and of memory: torch is not needed here.
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))

    folder = f"wrong{options.replace(' ', '')}"
    methods = "-m left -m endless -m hungry -m big -m quick"
    code, _, err = give(
        f"run {methods} -s sized --no-baselines --timeout 10 {options} -o {folder}",
        preexec_fn=limit,
    )
    assert code == 1, err
    records = [json.loads(path.read_text()) for path in (place / folder).glob("*/record.json")]
    failed = {record["method"]: record["error"] for record in records if record["error"]}
    assert len(records) == 5 + 5
    assert failed.keys() == {"left", "endless", "hungry", "big"}
    assert failed["left"] == "its process ended by itself, with status 3"
    assert failed["endless"] == "stopped: it took longer than 10 s"
    assert "MemoryError" in failed["hungry"]
    assert "cannot be written: File too large" in failed["big"]
    code, out, err = give(f"status {folder}")
    assert code == 0, err
    assert "10 runs: 6 done, 4 failed" in out
    assert f"left on sized/line-v1 (split 0, fit 0): {failed['left']}" in out


@pytest.mark.thorough  # of workers of this machine test_workers.py tells
@pytest.mark.parametrize("options", EXECUTORS[1:], ids=EXECUTOR_NAMES[1:])
def test_stopped_elsewhere_it_leaves_nothing_behind(place, begin, undisturbed, options):
    log = place / f"stopped{options.replace(' ', '')}.log"
    line = f"run -m endless -s sized --no-baselines {options} -o {log.stem}"
    process = begin(line, env={"SIZED_LOG": str(log)})
    try:
        until = time.monotonic() + 60
        while not log.exists() or not log.read_text().endswith("\n"):
            assert time.monotonic() < until
            time.sleep(0.05)
        worker = json.loads(log.read_text())["pid"]
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert "the same command goes on" in err
    until = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.thorough  # workers that wait
def test_status_says_what_is_going_on_and_missing(place, begin, give, undisturbed):
    code, _, err = give("run -m random -s sized --no-baselines --seeds 1 -o going")
    assert code == 0, err
    process = begin("run -m endless -s sized --no-baselines --seeds 2 -j 1 -o going")
    try:
        until = time.monotonic() + 60
        states = {}
        while states.get("running") != 1 or states.get("done") != 5:
            assert time.monotonic() < until, states
            code, out, err = give("status going --json")
            states = Counter(one["state"] for one in json.loads(out)) if code == 0 else {}
        [one] = [one for one in json.loads(out) if one["state"] == "running"]
        assert one["label"].startswith("endless on sized/line-v1 (split ")
        assert one["owner"]["pid"] != process.pid  # its worker
        assert states["missing"] == 6
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    code, out, _ = give("status going")
    assert "12 runs: 5 done, 7 missing" in out
    code, _, err = give("status data")
    assert code == 2
    assert "No run in" in err


@pytest.mark.thorough  # fits that wait
def test_gpus_are_shared_out_among_workers(place, give, undisturbed):
    log = place / "gpus.log"
    line = f"{PLAN} --set seconds=0.3 -j 2 --gpus 4,7 -o gpus"
    code, _, err = give(line, env={"SIZED_LOG": str(log)})
    assert code == 0, err
    assert {json.loads(line)["gpu"] for line in log.read_text().splitlines()} == {"4", "7"}


@pytest.mark.thorough  # fits that wait
def test_a_study_is_the_same_however_many_fits_there_are_at_a_time(place, give, undisturbed):
    pytest.importorskip("optuna")
    studies, workers = [], []
    for options in ("-j 1", "-j 3", "-j 2 --executor dask"):
        log = place / f"tune{options.replace(' ', '')}.log"
        line = f"tune -m quick -s sized -p quick-v1 --splits 3 -n 3 {options} -o {log.stem}"
        code, _, err = give(line, env={"SIZED_LOG": str(log)})
        assert code == 0, err
        [path] = (place / log.stem).glob("*/study.json")
        study = json.loads(path.read_text())
        studies.append(
            [(t["settings"], [f["score"] for f in t["fits"].values()]) for t in study["trials"]]
        )
        workers.append({json.loads(line)["pid"] for line in log.read_text().splitlines()})
    assert len(studies[0]) == 3
    assert studies[0] == studies[1] == studies[2]
    assert [len(pids) for pids in workers] == [1, 3, 2]


def fits_of(folder):
    """What each fit reported, by key of its run; None of an arm's."""
    records = [json.loads(path.read_text()) for path in folder.glob("*/record.json")]
    assert {record["status"] for record in records} == {"ok"}
    return {record["key"]: record["fit"] for record in records}


KILLS = [
    pytest.param(20, marks=pytest.mark.thorough),
    pytest.param(200, marks=pytest.mark.slow),  # a quarter of an hour
]


@pytest.mark.parametrize("num_kills", KILLS)
def test_killed_anywhere_it_goes_on_to_the_same_table(place, begin, give, undisturbed, num_kills):
    """The command or one of its workers, at any moment; then the same command again."""
    rng = random.Random(num_kills)
    log, data = place / f"kills{num_kills}.log", place / f"data{num_kills}"
    env = {"SIZED_LOG": str(log), "HYPERBENCH_DATA_DIR": str(data)}
    line = f"{PLAN} --set seconds=1 -j 2 --checkpoint-seconds 0"
    code, out, err = give(f"{line} -o whole{num_kills}")
    assert code == 0, err
    kills = Counter()
    rounds = 0
    while kills.total() < num_kills:
        rounds += 1
        folder = f"kills{num_kills}-{rounds}"
        shutil.rmtree(data, ignore_errors=True)
        while kills.total() < num_kills:
            process = begin(f"{line} -o {folder}", env=env)
            try:
                if rng.random() < 0.5:
                    process.wait(rng.uniform(0.5, 7.0))
                else:  # inside a fit, however long it takes to get there
                    await_growth(log, process)
                    process.wait(rng.uniform(0.3, 0.9))
            except subprocess.TimeoutExpired:
                workers = children(process.pid)
                if workers and rng.random() < 0.5:
                    os.kill(rng.choice(workers), signal.SIGKILL)
                    kills["worker"] += 1
                else:
                    process.kill()
                    kills["command"] += 1
            else:  # it was faster
                process.communicate()
                break
            process.communicate(timeout=120)
        code, found, err = give(f"{line} -o {folder}", env=env)
        assert code == 0, err
        assert table(found) == table(out)
        assert fits_of(place / folder) == fits_of(place / f"whole{num_kills}")
        assert not list((place / folder).glob(".checkpoint-*"))
    said = Counter(json.loads(line)["what"] for line in log.read_text().splitlines())
    print(f"{num_kills} kills in {rounds} rounds: {dict(kills)}; fits: {dict(said)}")
    assert set(kills) == {"worker", "command"}
    assert said["resumed"] > 0


def await_growth(log, process):
    """Wait until a fit begins or ends, or until there is nothing left to wait for."""
    size = log.stat().st_size if log.exists() else 0
    while process.poll() is None and (log.stat().st_size if log.exists() else 0) == size:
        time.sleep(0.01)


def children(pid):
    """Processes that a process has started and that are still there."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in path.read_text().split()]
    # Python starts one more, which keeps no run.
    return [
        pid for pid in found if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
