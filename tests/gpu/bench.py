"""Steps a second of whole fits on a GPU and on a CPU, and what else a GPU could do.

    python tests/gpu/bench.py [--device cuda] [--steps 300] [--cpu-steps 12]

The fits are those of ``hyperbench run``, batches drawn and all, of demonstrations of noise in a
cheetah's dimensions. Steps are counted between two looks at the clock that wait for the GPU, after
those in which libraries choose their kernels. Then, on a GPU:

- ``TF32``: the same fits with products in that format, and how far it moves the loss, beside what
  another seed does. No run uses it;
- ``graph``: one step on one batch, launched operation by operation and replayed as a CUDA graph:
  what launches cost. No fit is replayed.

What the published form of a step costs there: ``tests/benchmarks/bench_fit.py --device cuda``.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.learned import Dimensions, LearnedGenerator
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.conditional import Conditional
from hyperbench_baselines.hyperzero import Hyperzero
from hyperbench_baselines.hypogen import Hypogen
from hyperbench_baselines.maml import Maml

from hyperbench.demonstration import Demonstrations, Episode
from hyperbench.generator import FitState
from hyperbench.provenance import provenance
from hyperbench.task import Feature, SpecSpace

CASES: dict[str, tuple[type[LearnedGenerator], dict[str, Any]]] = {
    "hypogen": (Hypogen, {}),
    "hypogen, published": (Hypogen, {"preset": "published"}),
    "hypogen, published, 8 x 64": (Hypogen, {"preset": "published", "samples_per_task": 64}),
    "hyperzero": (Hyperzero, {}),
    "conditional": (Conditional, {}),
    "maml": (Maml, {}),
}
NUM_TASKS, LENGTH, OBSERVATION_DIM, ACTION_DIM = 8, 1000, 17, 6
WARM_UP = 5
PRECISIONS = {"as runs are": "highest", "TF32": "high"}


def demonstrate() -> Demonstrations:
    """Make two episodes of noise for each task."""
    rng = np.random.default_rng(0)
    space = SpecSpace((Feature("speed", -1.0, 1.0, "m/s", "goal"),))

    def episode(seed: int) -> Episode:
        observations = rng.normal(size=(LENGTH + 1, OBSERVATION_DIM)).astype(np.float32)
        actions = np.tanh(observations[:-1, :ACTION_DIM])
        return Episode(observations, actions, np.ones(LENGTH, np.float32), False, seed)

    specs = tuple(space.task("bench/noise-v1", speed=s) for s in np.linspace(-1, 1, NUM_TASKS))
    bounds = np.ones(ACTION_DIM, np.float32)
    return Demonstrations(specs, tuple((episode(0), episode(1)) for _ in specs), -bounds, bounds)


class Clock:
    """A checkpoint that keeps nothing, and looks at the clock after two of the steps."""

    def __init__(self, num_steps: int, device: str) -> None:
        # The last step checks and waits for it, which the others do not.
        self._first, self._last, self._device = WARM_UP, num_steps - 1, device
        self._step = 0
        self._times: list[float] = []

    def restore(self) -> FitState | None:
        return None

    def offer(self, make_state: Callable[[], FitState]) -> None:
        self._step += 1
        if self._step in (self._first, self._last):
            synchronize(self._device)
            self._times.append(time.perf_counter())

    @property
    def rate(self) -> float:
        """Steps a second."""
        return (self._last - self._first) / (self._times[1] - self._times[0])


def synchronize(device: str) -> None:
    """Wait for what a GPU still has to do."""
    if device == "cuda":
        torch.cuda.synchronize()


def measure(name: str, data: Demonstrations, device: str, num_steps: int, seed: int = 0) -> tuple:
    """Fit; steps and samples a second, and the loss at the end."""
    method, settings = CASES[name]
    generator = method(method.Config(num_steps=num_steps, num_checks=1, **settings))
    clock = Clock(num_steps, device)
    report = generator.fit(data, validation=None, seed=seed, device=device, checkpoint=clock)
    return clock.rate, clock.rate * NUM_TASKS * generator.config.samples_per_task, report.final_loss


def replay(name: str, data: Demonstrations, num_steps: int) -> tuple[float, float]:
    """Milliseconds of a step on one batch: launched, and replayed as a CUDA graph."""
    method, settings = CASES[name]
    generator = method(method.Config(**settings))
    shown = generator.config.present(data.specs)
    dimensions = Dimensions(1, OBSERVATION_DIM, ACTION_DIM, shown.tolist())
    rng = torch.Generator().manual_seed(0)
    network = generator.build(dimensions, rng).to("cuda")
    valuation, normalizer = generator.valuation(data), Normalizer.of(data)
    resident = generator.Data(data, normalizer, torch.device("cuda"), valuation, shown)
    batch: Batch = resident.draw(NUM_TASKS, generator.config.samples_per_task, rng)
    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(parameters, 1e-4, fused=True, capturable=True)

    def step() -> None:
        optimizer.zero_grad()
        generator.loss(network, batch).backward()
        torch.nn.utils.clip_grad_norm_(parameters, generator.config.max_gradient_norm)
        optimizer.step()

    def milliseconds(do: Callable[[], None]) -> float:
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(num_steps):
            do()
        torch.cuda.synchronize()
        return 1e3 * (time.perf_counter() - started) / num_steps

    # As torch asks for: warmed up on another stream than the one that is captured.
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    launched = milliseconds(step)
    optimizer.zero_grad()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return launched, milliseconds(graph.replay)


def main() -> None:
    """Print rates, memory and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--cpu-steps", type=int, default=12)
    parser.add_argument("--only", choices=CASES, help="one case")
    said = parser.parse_args()
    on_gpu = said.device == "cuda"
    if on_gpu and not torch.cuda.is_available():
        raise SystemExit(f"torch {torch.__version__} finds no CUDA GPU; nothing was measured.")
    torch.set_num_threads(1)
    data = demonstrate()
    where = provenance(device=said.device).gpu or "CPU, one thread"
    print(f"{where}; torch {torch.__version__}, Python {platform.python_version()}")
    names = [said.only] if said.only else list(CASES)
    for name in names:
        cpu_steps, cpu_samples, _ = measure(name, data, "cpu", said.cpu_steps)
        print(f"{name}: CPU {cpu_steps:.1f} steps/s, {cpu_samples:.0f} samples/s")
        losses = {}
        for precision, setting in PRECISIONS.items() if on_gpu else ():
            torch.set_float32_matmul_precision(setting)
            torch.cuda.reset_peak_memory_stats()
            steps, samples, losses[precision] = measure(name, data, "cuda", said.steps)
            held = torch.cuda.max_memory_allocated() / 2**20
            print(
                f"  GPU {precision}: {steps:.1f} steps/s, {samples:.0f} samples/s, {held:.0f} MiB; "
                f"{steps / cpu_steps:.1f} x the CPU's"
            )
        if on_gpu:
            torch.set_float32_matmul_precision("highest")
            usual = losses["as runs are"]
            other_seed = measure(name, data, "cuda", said.steps, seed=1)[2]
            print(f"  loss {usual:.5g}, TF32 {losses['TF32']:.5g}, another seed {other_seed:.5g}")
    for name in names if on_gpu else ():
        try:
            launched, replayed = replay(name, data, said.steps)
        except RuntimeError as error:  # an operation that no graph can hold
            print(f"{name}: no graph: {str(error).splitlines()[0]}")
            break  # what follows a broken capture cannot be trusted
        print(f"{name}: a step launched {launched:.2f} ms, replayed as a graph {replayed:.2f} ms")


if __name__ == "__main__":
    main()
