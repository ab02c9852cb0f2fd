"""Fits on a GPU: beside the CPU's, beside their own repetition, and without waiting."""

from __future__ import annotations

import importlib
import math
import warnings

import numpy as np
import pytest

pytestmark = pytest.mark.gpu

STEPS = 40
"""Enough for fits of different seeds to be different, and for what rounds differently to grow."""
FEW = 20


class Watch:
    """A checkpoint that keeps nothing, and does something after some of the steps."""

    def __init__(self, **after):
        self._after = {int(step.removeprefix("step_")): do for step, do in after.items()}
        self._step = 0

    def restore(self):
        return None

    def offer(self, make_state):
        self._step += 1
        self._after.get(self._step, lambda state: None)(make_state)


def test_every_method_fits_generates_and_saves(method, device, fitted, generated, make, tmp_path):
    cuda = importlib.import_module("torch").cuda
    if device == "cuda":
        cuda.reset_peak_memory_stats()
    generator, report = fitted(method, device, FEW)
    assert math.isfinite(report.final_loss)
    if device == "cuda":
        assert cuda.max_memory_allocated() > 4 * report.num_parameters, "the fit was elsewhere"
    generator.save(tmp_path)
    loaded = make(method, FEW)
    loaded.load(tmp_path)
    arrays, others = (generated(method, one).to_arrays()[0] for one in (generator, loaded))
    assert all(np.array_equal(arrays[name], others[name]) for name in arrays)


def test_cpu_and_gpu_differ_no_more_than_two_seeds(method, device, fitted, difference):
    on_cpu, _ = fitted(method, "cpu", STEPS)
    on_gpu, _ = fitted(method, device, STEPS)
    other_seed, _ = fitted(method, "cpu", STEPS, seed=1)
    devices = difference(method, on_cpu, on_gpu)
    seeds = difference(method, on_cpu, other_seed)
    print(f"\n{method}: CPU and GPU differ by {devices:.1e}, two seeds by {seeds:.1e}")
    assert devices <= seeds
    assert seeds > 0


def test_the_same_fit_twice_as_it_is(method, device, fitted, difference):
    """Torch promises nothing here: the bound is two seeds' difference; what is found is told."""
    one, other, other_seed = (fitted(method, device, FEW, seed=seed)[0] for seed in (0, 0, 1))
    found = difference(method, one, other)
    print(f"\n{method}: two equal fits on the GPU differ by {found:.1e}")
    assert found <= difference(method, one, other_seed)


def test_the_same_fit_twice_is_equal_where_torch_promises_it(
    method, device, fitted, generated, repeatable
):
    """The bound is 0: every number of every policy."""
    one, other = (fitted(method, device, FEW)[0] for _ in range(2))
    arrays, others = (generated(method, generator).to_arrays()[0] for generator in (one, other))
    assert all(np.array_equal(arrays[name], others[name]) for name in arrays)


@pytest.mark.parametrize("name", ["hypogen", "kernel-clones", "pearl"])
def test_a_fit_that_is_interrupted_goes_on(name, device, fitted, generated, repeatable):
    kept = []

    def interrupt(make_state):
        state = make_state()
        kept.append(type(state)({k: np.copy(v) for k, v in state.arrays.items()}, state.json))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(name, device, FEW, checkpoint=Watch(**{f"step_{FEW // 2 + 3}": interrupt}))
    again = Watch()
    again.restore = kept.pop
    whole, resumed = (
        fitted(name, device, FEW, **given)[0] for given in ({}, {"checkpoint": again})
    )
    arrays, others = (generated(name, generator).to_arrays()[0] for generator in (whole, resumed))
    assert all(np.array_equal(arrays[key], others[key]) for key in arrays)


def count_waits(caught):
    """How often the CPU waited for the GPU, as torch's debug mode warns of it."""
    return sum("called a synchronizing" in str(warning.message) for warning in caught)


def test_no_step_between_checks_waits_for_the_gpu(method, card, fitted):
    watch = Watch(
        step_5=lambda _: card.set_sync_debug_mode("warn"),
        **{f"step_{FEW - 1}": lambda _: card.set_sync_debug_mode("default")},
    )
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            # The only check is at the last step, which is not watched any more.
            fitted(method, "cuda", FEW, checkpoint=watch, num_checks=1)
            assert card.get_sync_debug_mode() == 0, "the watch did not end"
        waits = count_waits(caught)
        print(f"\n{method}: {waits} synchronisations in {FEW - 6} steps")
        assert waits == 0, {f"{w.filename}:{w.lineno}" for w in caught}
    finally:
        card.set_sync_debug_mode("default")


def test_a_wait_would_be_counted(card):
    torch = importlib.import_module("torch")
    number = torch.ones(1, device="cuda")
    card.set_sync_debug_mode("warn")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            number.item()
            torch.ones(1).to("cuda")
    finally:
        card.set_sync_debug_mode("default")
    assert count_waits(caught) == 2


@pytest.mark.parametrize("name", ["hypogen", "maml"])
def test_data_stay_on_the_gpu(name, card, data, make):
    torch = importlib.import_module("torch")
    batches = importlib.import_module("hyperbench_baselines.common.normalizer")
    normalizer = batches.Normalizer.of(data.source)
    num_numbers = sum(e.observations[:-1].size + e.actions.size for e in _episodes(data.source))
    before = card.memory_allocated()
    resident = make(name, 1).Data(data.source, normalizer, torch.device("cuda"))
    assert card.memory_allocated() - before >= 4 * num_numbers
    card.set_sync_debug_mode("error")
    try:
        drawn = resident.draw(4, 16, torch.Generator().manual_seed(0))
    finally:
        card.set_sync_debug_mode("default")
    batch = getattr(drawn, "support", drawn)
    assert {t.device.type for t in (batch.specs, batch.observations, batch.actions)} == {"cuda"}


def _episodes(demonstrations):
    return [episode for row in demonstrations.episodes for episode in row]
