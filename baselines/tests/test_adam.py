"""Adam is torch's."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hyperbench_baselines.common.adam import Adam


@pytest.mark.parametrize("fused", [True, False])
def test_steps_are_those_of_torchs_optimizer(fused, rng):
    start, without_gradient = torch.randn(7, 5, generator=rng), torch.ones(3)
    ours, theirs = ([start.clone().requires_grad_(), without_gradient.clone()] for _ in range(2))
    adam = Adam(ours, fused=fused)
    reference = torch.optim.Adam(theirs, fused=fused)
    for rate in (1e-2, 1e-2, 1e-3):
        gradient = torch.randn(7, 5, generator=rng)
        adam.zero_grad()
        assert ours[0].grad is None
        ours[0].grad, theirs[0].grad = gradient.clone(), gradient.clone()
        reference.param_groups[0]["lr"] = rate
        adam.step(rate)
        reference.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], start)


@pytest.mark.parametrize("fused", [True, False])
def test_weights_decay_as_in_torchs_adamw(fused, rng):
    start = torch.randn(7, 5, generator=rng)
    ours, theirs = (start.clone().requires_grad_() for _ in range(2))
    adam = Adam([ours], fused=fused, weight_decay=0.3)
    reference = torch.optim.AdamW([theirs], fused=fused, weight_decay=0.3)
    for rate in (1e-1, 1e-2):
        ours.grad = torch.randn(7, 5, generator=rng)
        theirs.grad = ours.grad.clone()
        reference.param_groups[0]["lr"] = rate
        adam.step(rate)
        reference.step()
    torch.testing.assert_close(ours, theirs)


@pytest.mark.thorough  # a new process imports torch for seconds
def test_nothing_is_imported_to_compile_with():
    code = (
        "import sys, torch\n"
        "from hyperbench_baselines.common.adam import Adam\n"
        "weight = torch.ones(2, requires_grad=True)\n"
        "adam = Adam([weight], fused=True)\n"
        "weight.sum().backward()\n"
        "adam.step(0.1)\n"
        "assert weight[0] < 1\n"
        "sys.exit('torch._dynamo' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
