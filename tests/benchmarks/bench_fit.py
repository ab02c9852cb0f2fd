"""What generating each task's weights once is worth in a HyPoGen training step.

    python tests/benchmarks/bench_fit.py [--preset published] [--repeats 20]

Three forms of one step, which give the same loss on the same network:

- ``ours``: weights of each task generated once, applied with one batched product per task;
- ``per-sample``: the same, but weights gathered once per sample and applied by ``functional_call``
  under ``vmap``;
- ``published``: that, and as in the authors' code the spec of every sample embedded before the
  unique ones are found, and Adam as PyTorch has it by default, not fused.

They are measured by turns on one thread, in seconds of its processor time, which other work on the
machine disturbs least; medians are compared.
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
NUM_WARM_UP = 2
FORMS = ("ours", "per-sample", "published")


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


def generate_published(network: HypogenNetwork, batch: Batch) -> Layers:
    """Generate each task's weights once, from an embedding of each sample's spec."""
    specs = batch.specs.repeat_interleave(batch.actions.shape[1], dim=0)
    embeddings = network.embedding(specs)
    _, owners = torch.unique(specs, dim=0, return_inverse=True)
    first = torch.zeros(NUM_TASKS, dtype=torch.long).scatter_(0, owners, torch.arange(len(specs)))
    return network.policy(embeddings[first])[-1]


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
    """Make a function that takes one training step in one of the three forms."""
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
        layers = generate_published(network, batch) if form == "published" else network(batch.specs)
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
    """Median seconds of each, measured by turns so that a busy machine slows all alike.

    This thread's time misses nothing: with one torch thread all work is done in it.
    """
    seconds: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(num_repeats):
        for name, step in forms.items():
            # The turn's first step finds the caches full of another form's weights; a fit does not.
            for _ in range(NUM_WARM_UP):
                step()
            start = time.thread_time()
            step()
            seconds[name].append(time.thread_time() - start)
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
        for samples in (small, large)
        for form in FORMS
    }
    losses = [float(forms[f"{form} {small}"]()) for form in FORMS]
    if max(losses) - min(losses) > 1e-5:
        raise SystemExit(f"The forms disagree: losses {losses}.")
    medians = compare(forms, arguments.repeats)

    print(f"HyPoGen, preset {arguments.preset}, {NUM_TASKS} tasks, one thread")
    for name, median in medians.items():
        form, samples = name.split()
        rate = NUM_TASKS * int(samples) / median
        shape = f"{NUM_TASKS} x {samples}"
        print(f"  {form:12s}{shape:>8s}  {1e3 * median:8.1f} ms/step  {rate:10.0f} samples/s")
    for form in FORMS[1:]:
        for samples in (small, large):
            ratio = medians[f"{form} {samples}"] / medians[f"ours {samples}"]
            print(f"ours : {form}, step at {NUM_TASKS} x {samples}: {ratio:.1f} x faster")
        ratio = medians[f"{form} {small}"] / small * large / medians[f"ours {large}"]
        print(
            f"ours at {NUM_TASKS} x {large} : {form} at {NUM_TASKS} x {small}: "
            f"{ratio:.1f} x the samples/s"
        )


if __name__ == "__main__":
    main()
