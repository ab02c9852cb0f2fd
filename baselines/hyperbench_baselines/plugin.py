"""What this package registers. Light on purpose: torch is imported when a method is used."""

from __future__ import annotations

from collections.abc import Sequence

from hyperbench.hookspecs import MethodEntry, hookimpl

_REQUIRES = ("torch", "safetensors")


@hookimpl
def hyperbench_methods() -> Sequence[MethodEntry]:
    """HyPoGen, and the three methods every run of it is measured beside."""
    return [
        MethodEntry(
            name="hypogen",
            target="hyperbench_baselines.hypogen:Hypogen",
            summary="hypernetwork built like gradient descent: weights from K learned steps",
            paper="Ren et al., Optimization-Biased Hypernetworks for Generalizable Policy "
            "Generation, ICLR 2025",
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="hyperzero",
            target="hyperbench_baselines.hyperzero:Hyperzero",
            summary="plain hypernetwork: one linear head per policy layer",
            paper="Rezaei-Shoshtari et al., Hypernetworks for Zero-Shot Transfer in Reinforcement "
            "Learning, AAAI 2023",
            baseline=True,
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="conditional",
            target="hyperbench_baselines.conditional:Conditional",
            summary="one policy for all tasks, given the spec's embedding beside the observation",
            paper="the 'Cond' baseline of Ren et al., ICLR 2025",
            baseline=True,
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="spec-blind",
            target="hyperbench_baselines.spec_blind:SpecBlind",
            summary="control arm: one cloned policy for all tasks, which never sees the spec",
            baseline=True,
            requires=_REQUIRES,
        ),
    ]
