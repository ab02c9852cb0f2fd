"""What generating each task's weights once is worth in a HyPoGen training step.

    python tests/benchmarks/bench_fit.py [--preset published] [--repeats 20]

The published form generates the weights of each unique task, gathers them once per sample and calls
the policy with them under ``vmap``. Here they are applied with one batched product per task. Both
take the very same steps on the same network, by turns, on one thread; medians are compared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from hyperbench_baselines.common.batches import Batch
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.hypogen import HypogenConfig, HypogenNetwork
from torch import Tensor, nn
from torch.nn import functional

CHEETAH = Dimensions(num_features=1, observation_dim=17, action_dim=6)
NUM_TASKS = 8
PUBLISHED_SAMPLES = 64
OUR_SAMPLES = 512
NUM_WARM_UP = 3


class TargetPolicy(nn.Module):
    """The policy as a module, for ``functional_call``: one sample in, one action out."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        shapes = [weight.shape[1:] for weight, _ in layers]
        self.linears = nn.ModuleList(nn.Linear(*shape, device="meta") for shape in shapes)

    def forward(self, observation: Tensor) -> Tensor:
        *hidden, last = self.linears
        for linear in hidden:
            observation = torch.relu(linear(observation))
        return torch.tanh(last(observation))


def per_sample_loss(layers: Layers, batch: Batch, target: TargetPolicy) -> Tensor:
    """The cloning loss with every task's weights gathered once per sample."""
    num_tasks, num_samples = batch.actions.shape[:2]
    owners = torch.arange(num_tasks).repeat_interleave(num_samples)
    parameters = {}
    for i, (weight, bias) in enumerate(layers):
        parameters[f"linears.{i}.weight"] = weight.transpose(1, 2)[owners]
        parameters[f"linears.{i}.bias"] = bias[owners]
    call = torch.vmap(torch.func.functional_call, in_dims=(None, 0, 0))
    acted = call(target, parameters, (batch.observations.flatten(0, 1),))
    return functional.mse_loss(acted, batch.actions.flatten(0, 1))


def make_step(config: HypogenConfig, num_samples: int, form: str) -> Callable[[], Tensor]:
    """Make a function that takes one training step: ``ours``, ``per-sample`` or ``published``.

    ``published`` is ``per-sample`` with the optimiser as PyTorch has it by default, not fused.
    """
    rng = torch.Generator().manual_seed(0)
    network = HypogenNetwork(CHEETAH, config, rng)
    batch = Batch(
        torch.linspace(-1, 1, NUM_TASKS).unsqueeze(1),
        torch.randn(NUM_TASKS, num_samples, CHEETAH.observation_dim, generator=rng),
        torch.randn(NUM_TASKS, num_samples, CHEETAH.action_dim, generator=rng).tanh(),
    )
    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(parameters, config.learning_rate, fused=form != "published")
    with torch.no_grad():
        target = TargetPolicy(network(batch.specs))

    def step() -> Tensor:
        optimizer.zero_grad()
        layers = network(batch.specs)
        if form == "ours":
            loss = cloning_loss(layers, batch, "relu")
        else:
            loss = per_sample_loss(layers, batch, target)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, config.max_gradient_norm)
        optimizer.step()
        return loss.detach()

    return step


def compare(forms: dict[str, Callable[[], Tensor]], num_repeats: int) -> dict[str, float]:
    """Median seconds of each, measured by turns so that a busy machine slows all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for repeat in range(NUM_WARM_UP + num_repeats):
        for name, step in forms.items():
            start = time.perf_counter()
            step()
            if repeat >= NUM_WARM_UP:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", choices=["default", "published"], default="default")
    parser.add_argument("--repeats", type=int, default=20, help="steps of each form that count")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    config = HypogenConfig(preset=arguments.preset)

    small, large = PUBLISHED_SAMPLES, OUR_SAMPLES
    forms = {
        f"{form} {samples}": make_step(config, samples, form)
        for samples, names in (
            (small, ("ours", "per-sample", "published")),
            (large, ("ours", "per-sample")),
        )
        for form in names
    }
    losses = [float(forms[f"{form} {small}"]()) for form in ("ours", "per-sample")]
    if abs(losses[0] - losses[1]) > 1e-5:
        raise SystemExit(f"The forms disagree: losses {losses}.")
    medians = compare(forms, arguments.repeats)

    print(f"HyPoGen, preset {arguments.preset}, {NUM_TASKS} tasks, one thread")
    for name, median in medians.items():
        form, samples = name.split()
        rate = NUM_TASKS * int(samples) / median
        shape = f"{NUM_TASKS} x {samples}"
        print(f"  {form:12s}{shape:>8s}  {1e3 * median:8.1f} ms/step  {rate:10.0f} samples/s")
    ours, gathered, published = (
        medians[f"{form} {small}"] for form in ("ours", "per-sample", "published")
    )
    large_ratio = medians[f"per-sample {large}"] / medians[f"ours {large}"]
    many = medians[f"ours {large}"] / large
    print(
        f"step at {NUM_TASKS} x {small}, equal sizes and optimiser: {gathered / ours:.1f} x faster"
    )
    print(
        f"step at {NUM_TASKS} x {small}, optimiser not fused:       {published / ours:.1f} x faster"
    )
    print(f"step at {NUM_TASKS} x {large}, equal sizes and optimiser: {large_ratio:.1f} x faster")
    print(f"samples/s, ours at {NUM_TASKS} x {large} : per-sample at {NUM_TASKS} x {small}:")
    print(f"  {gathered / small / many:.1f} x, {published / small / many:.1f} x not fused")


if __name__ == "__main__":
    main()
