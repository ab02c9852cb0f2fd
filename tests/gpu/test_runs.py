"""Whole runs on a GPU: what their records say, whether a CPU plays them again, how many fit."""

from __future__ import annotations

import importlib
import os
import threading
import time
from importlib import metadata

import pytest

from hyperbench.records.find import find_runs
from hyperbench.records.store import StoredRun

pytestmark = pytest.mark.gpu

FEW = "--set num_steps=20 --set samples_per_task=64 --split-seeds 0 --fit-seeds 0 --no-baselines"
STEPS = 150
LOOK_SECONDS = 0.02


def records(folder):
    found = [StoredRun.read(run).record for run in find_runs([folder])]
    return [record for record in found if not record.is_arm]


@pytest.mark.parametrize(
    ("protocol", "methods"),
    [
        ("quick-v1", "-m hypogen -m hyperzero -m kernel-clones -m decision-adapter"),
        ("few-shot-v1", "-m maml -m pearl -m hypogen-finetuned"),
    ],
)
def test_a_row_is_verified_on_a_cpu(protocol, methods, device, command, tmp_path):
    command(f"run {methods} -s pointmass -p {protocol} {FEW} --device {{device}} -j 4 -o runs")
    made = records(tmp_path / "runs")
    assert {record.method for record in made} == set(methods.split()[1::2])
    command("verify runs --all", CUDA_VISIBLE_DEVICES="")
    for record in made:
        assert record.device == device
        assert record.provenance.versions["torch"] == metadata.version("torch")
        if device == "cuda":
            torch = importlib.import_module("torch")
            assert record.cost.peak_gpu_memory > 4 * record.cost.num_parameters
            for known in (torch.cuda.get_device_name(), f"CUDA {torch.version.cuda}", "TF32 off"):
                assert known in record.provenance.gpu
            assert "unknown driver" not in record.provenance.gpu
    print(f"\n{made[0].provenance.gpu}, torch {made[0].provenance.versions['torch']}")


def test_several_runs_share_a_gpu(card, command, tmp_path):
    """Two and four at a time; prints how many would fit by what the card lacks meanwhile."""
    # The context of this process is no run's.
    free, total = card.mem_get_info()
    # What the driver lets this process see first is what its workers are to share.
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    what = f"run -m hypogen -s pointmass -p standard-v1 --no-baselines --set num_steps={STEPS}"
    print(f"\n{total / 2**20:.0f} MiB on the card, {free / 2**20:.0f} free")
    for jobs in (1, 2, 4):
        with LeastFree(card) as least:
            started = time.perf_counter()
            command(f"{what} --device cuda -j {jobs} --gpus {gpu} -o runs-{jobs}")
            seconds = time.perf_counter() - started
        made = records(tmp_path / f"runs-{jobs}")
        assert [record.status for record in made] == ["ok"] * 5
        held = (free - least.bytes) / jobs
        by_torch = max(record.cost.peak_gpu_memory for record in made)
        fits = sum(record.cost.fit_seconds for record in made)
        assert by_torch <= held, "what torch allocates is part of what the card lacks"
        assert by_torch * jobs < total
        print(
            f"{jobs} at a time: 5 runs in {seconds:.1f} s, fits {fits:.1f} s together; a run holds "
            f"{held / 2**20:.0f} MiB of the card, {by_torch / 2**20:.0f} of them torch's: "
            f"{int(total // held)} would fit"
        )


class LeastFree:
    """Looks how much memory the card has left, while a command runs."""

    def __init__(self, card):
        self._card = card
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.bytes = card.mem_get_info()[0]

    def _look(self):
        while not self._ended.wait(LOOK_SECONDS):
            self.bytes = min(self.bytes, self._card.mem_get_info()[0])

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
