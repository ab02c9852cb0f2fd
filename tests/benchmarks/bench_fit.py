"""What a training step costs, beside the per-sample formulation, and what it is spent on.

    python tests/benchmarks/bench_fit.py [--method hypogen] [--preset published] [--repeats 20]

Two forms of one step, which give the same loss on the same network:

- ``ours``: the weights of each task generated once, applied with batched products to all its
  samples; Adam fused, and HyPoGen's codecs' gradients gathered once for all blocks;
- ``per-sample``: as in the authors' code every sample has its weights. HyperZero generates them for
  each; HyPoGen embeds each sample's spec, then generates those of unique specs and gathers them.
  Adam is PyTorch's default and autograd adds up what each block contributes. Weights are applied by
  a batched product, which is a little faster than the authors' ``vmap``.

They are measured by turns, on one thread if on the CPU; medians are compared. All terms of the
loss that the preset gives weight are computed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from hyperbench_baselines.common.batches import Batch, Transitions
from hyperbench_baselines.common.critic import CriticConfig, critic_loss
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.common.policies import Layers, cloning_loss
from hyperbench_baselines.common.repeated import RepeatedLinear
from hyperbench_baselines.hyperzero import HyperzeroConfig, HyperzeroNetwork
from hyperbench_baselines.hypogen import HypogenConfig, HypogenNetwork
from torch import Tensor, nn

CHEETAH = Dimensions(shown_dim=1, observation_dim=17, action_dim=6)
NUM_TASKS = 8
PUBLISHED_SAMPLES = 64
OUR_SAMPLES = 512
NUM_WARM_UP = 2
FORMS = ("ours", "per-sample")
PARTS = ("generating", "applying", "backward", "optimiser")

Both = tuple[Layers, Layers | None]
"""Policies and Q networks."""
Step = Callable[[], tuple[float, list[float]]]
"""Takes one step; gives the loss and the seconds of each of ``PARTS``."""


def make_batch(num_samples: int, rng: torch.Generator, device: torch.device) -> Batch:
    """Make a batch of noise in a cheetah's dimensions."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(NUM_TASKS, num_samples, *shape, generator=rng).to(device)

    specs = torch.linspace(-1, 1, NUM_TASKS, device=device).unsqueeze(1)
    after = Transitions(draw(CHEETAH.observation_dim), draw(), draw(), draw())
    return Batch(specs, draw(CHEETAH.observation_dim), draw(CHEETAH.action_dim).tanh(), after)


def per_sample(batch: Batch) -> Batch:
    """Make every sample a task of its own: (num_tasks * num_samples, 1, ...)."""
    num_samples = batch.actions.shape[1]
    after = (part.flatten(0, 1).unsqueeze(1) for part in vars(batch.transitions).values())
    return Batch(
        batch.specs.repeat_interleave(num_samples, dim=0),
        batch.observations.flatten(0, 1).unsqueeze(1),
        batch.actions.flatten(0, 1).unsqueeze(1),
        Transitions(*after),
    )


def generate(network: nn.Module, specs: Tensor) -> Both:
    """Generate the last policies and the Q networks, one for each row of ``specs``."""
    if isinstance(network, HyperzeroNetwork):
        return network.policy_and_critic(specs)
    iterates, critic = network.iterates_and_critic(specs)
    return iterates[-1], critic


def generate_and_gather(network: nn.Module, specs: Tensor) -> Both:
    """Do the same as the authors do: HyPoGen's weights of unique specs, gathered."""
    if isinstance(network, HyperzeroNetwork):
        return network.policy_and_critic(specs)
    embeddings = network.embedding(specs)
    _, owners = torch.unique(specs, dim=0, return_inverse=True)
    rows = torch.arange(len(specs), device=specs.device)
    first = torch.zeros(NUM_TASKS, dtype=torch.long, device=specs.device).scatter_(0, owners, rows)
    descents = [network.policy, *([network.critic] if network.critic else [])]
    gathered = []
    for descent in descents:
        layers = descent(embeddings[first])[-1]
        gathered.append([(weight[owners], bias[owners]) for weight, bias in layers])
    return gathered[0], gathered[1] if network.critic else None


def make_step(config: CriticConfig, num_samples: int, form: str, device: torch.device) -> Step:
    """Make a function that takes one training step in one of the forms."""
    rng = torch.Generator().manual_seed(0)
    kind = HypogenNetwork if isinstance(config, HypogenConfig) else HyperzeroNetwork
    network = kind(CHEETAH, config, rng).to(device)
    batch = make_batch(num_samples, rng, device)
    ours = form == "ours"
    if not ours:
        batch = per_sample(batch)
        for module in network.modules():
            if isinstance(module, RepeatedLinear):
                module.open = lambda layer=module: layer
    make_networks = generate if ours else generate_and_gather
    parameters = list(network.parameters())
    optimizer = torch.optim.Adam(parameters, config.learning_rate, fused=ours or None)

    def now() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def step() -> tuple[float, list[float]]:
        optimizer.zero_grad()
        times = [now()]
        policy, critic = make_networks(network, batch.specs)
        times.append(now())
        loss = cloning_loss(policy, batch, "relu") + critic_loss(policy, critic, batch, config)
        times.append(now())
        loss.backward()
        times.append(now())
        nn.utils.clip_grad_norm_(parameters, config.max_gradient_norm)
        optimizer.step()
        times.append(now())
        return loss.item(), [end - start for start, end in pairwise(times)]

    return step


def compare(steps: dict[tuple[str, int], Step], num_repeats: int) -> dict[tuple[str, int], list]:
    """Median seconds of each part, measured by turns so that a busy machine slows all alike."""
    seconds: dict[tuple[str, int], list[list[float]]] = {name: [] for name in steps}
    for _ in range(num_repeats):
        for name, step in steps.items():
            # The turn's first step finds the caches full of another form's weights; a fit does not.
            for _ in range(NUM_WARM_UP):
                step()
            seconds[name].append(step()[1])
    return {
        name: [statistics.median(part) for part in zip(*turns, strict=True)]
        for name, turns in seconds.items()
    }


def main() -> None:
    """Print times, shares and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=["hypogen", "hyperzero"], default="hypogen")
    parser.add_argument("--preset", choices=["default", "published"], default="default")
    parser.add_argument("--repeats", type=int, default=20, help="steps of each form that count")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # HyperZero's default is the published size.
    config: CriticConfig = HyperzeroConfig()
    if arguments.method == "hypogen":
        config = HypogenConfig(preset=arguments.preset)

    small, large = PUBLISHED_SAMPLES, OUR_SAMPLES
    device = torch.device(arguments.device)
    steps = {
        (form, samples): make_step(config, samples, form, device)
        for samples in (small, large)
        for form in FORMS
    }
    losses = [steps[form, small]()[0] for form in FORMS]
    # A GPU adds up in another order for each shape.
    tolerance = 1e-5 if device.type == "cpu" else 1e-4
    if abs(losses[0] - losses[1]) > tolerance * losses[0]:
        raise SystemExit(f"The forms disagree: losses {losses}.")
    parts = compare(steps, arguments.repeats)
    totals = {name: sum(times) for name, times in parts.items()}

    where = "one thread" if device.type == "cpu" else torch.cuda.get_device_name()
    print(f"{arguments.method}, preset {arguments.preset}, {NUM_TASKS} tasks, {where}")
    for (form, samples), total in totals.items():
        rate = NUM_TASKS * samples / total
        shape = f"{NUM_TASKS} x {samples}"
        print(f"  {form:12s}{shape:>8s}  {1e3 * total:8.1f} ms/step  {rate:10.0f} samples/s")
    for samples in (small, large):
        times = zip(PARTS, parts["ours", samples], strict=True)
        shares = (f"{part} {100 * t / totals['ours', samples]:.0f} %" for part, t in times)
        print(f"ours at {NUM_TASKS} x {samples}: {', '.join(shares)}")
    for samples in (small, large):
        ratio = totals["per-sample", samples] / totals["ours", samples]
        print(f"ours : per-sample, step at {NUM_TASKS} x {samples}: {ratio:.1f} x faster")
    ratio = totals["per-sample", small] / small * large / totals["ours", large]
    print(
        f"ours at {NUM_TASKS} x {large} : per-sample at {NUM_TASKS} x {small}: "
        f"{ratio:.1f} x the samples/s"
    )


if __name__ == "__main__":
    main()
