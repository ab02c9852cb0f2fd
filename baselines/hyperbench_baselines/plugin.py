"""What this package registers. Light on purpose: torch is imported when a method is used."""

from __future__ import annotations

from collections.abc import Sequence

from hyperbench.hookspecs import MethodEntry, hookimpl

_REQUIRES = ("torch", "safetensors")


@hookimpl
def hyperbench_methods() -> Sequence[MethodEntry]:
    """HyPoGen and the methods it is compared with."""
    return [
        MethodEntry(
            name="hypogen",
            target="hyperbench_baselines.hypogen:Hypogen",
            summary="hypernetwork built like gradient descent: weights from K learned steps",
            version=2,
            paper="Ren et al., Optimization-Biased Hypernetworks for Generalizable Policy "
            "Generation, ICLR 2025",
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="hyperzero",
            target="hyperbench_baselines.hyperzero:Hyperzero",
            summary="plain hypernetwork: one linear head per policy layer",
            version=3,
            paper="Rezaei-Shoshtari et al., Hypernetworks for Zero-Shot Transfer in Reinforcement "
            "Learning, AAAI 2023",
            baseline=True,
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="conditional",
            target="hyperbench_baselines.conditional:Conditional",
            summary="one policy for all tasks, given the spec's embedding beside the observation",
            version=3,
            paper="the 'Cond' baseline of Ren et al., ICLR 2025",
            baseline=True,
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="uvfa",
            target="hyperbench_baselines.uvfa:Uvfa",
            summary="the conditional policy, whose embedding also serves a value function",
            version=2,
            paper="Schaul et al., Universal Value Function Approximators, ICML 2015",
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="spec-blind",
            target="hyperbench_baselines.spec_blind:SpecBlind",
            summary="control arm: one cloned policy for all tasks, which never sees the spec",
            baseline=True,
            requires=_REQUIRES,
            except_for=("check_specs_matter",),
        ),
        MethodEntry(
            name="film",
            target="hyperbench_baselines.film:Film",
            summary="one policy for all tasks, whose hidden units the spec scales and shifts",
            version=2,
            paper="Perez et al., FiLM: Visual Reasoning with a General Conditioning Layer, "
            "AAAI 2018",
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="decision-adapter",
            target="hyperbench_baselines.decision_adapter:DecisionAdapter",
            summary="one policy for all tasks, with a bottleneck in it that the spec writes",
            paper="Beukman et al., Dynamics Generalisation in Reinforcement Learning via Adaptive "
            "Context-Aware Policies, NeurIPS 2023",
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="bias-hyperinit",
            target="hyperbench_baselines.bias_hyperinit:BiasHyperinit",
            summary="hypernetwork that starts as one policy for all tasks",
            paper="Beck et al., Hypernetworks in Meta-Reinforcement Learning, CoRL 2022",
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="interpolation",
            target="hyperbench_baselines.interpolation:Interpolation",
            summary="one clone per source task; other tasks get the mean of the nearest ones",
            version=2,
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="nearest-clone",
            target="hyperbench_baselines.nearest_clone:NearestClone",
            summary="one clone per source task; other tasks are played by the nearest one's",
            version=2,
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="kernel-clones",
            target="hyperbench_baselines.kernel_clones:KernelClones",
            summary="one clone per source task; their actions are mixed by a kernel on the spec",
            version=2,
            requires=_REQUIRES,
        ),
        MethodEntry(
            name="maml",
            target="hyperbench_baselines.maml:Maml",
            summary="an initial policy from which a few gradient steps on the support lead on",
            paper="Finn et al., Model-Agnostic Meta-Learning for Fast Adaptation of Deep "
            "Networks, ICML 2017",
            requires=_REQUIRES,
            track="few-shot",
        ),
        MethodEntry(
            name="pearl",
            target="hyperbench_baselines.pearl:Pearl",
            summary="one policy for all tasks, given a latent variable inferred from the support",
            paper="Rakelly et al., Efficient Off-Policy Meta-Reinforcement Learning via "
            "Probabilistic Context Variables, ICML 2019",
            requires=_REQUIRES,
            track="few-shot",
        ),
        MethodEntry(
            name="hypogen-finetuned",
            target="hyperbench_baselines.finetuned:HypogenFinetuned",
            summary="HyPoGen, whose policies then take gradient steps on the support",
            paper="Ren et al., ICLR 2025, fine-tuned",
            requires=_REQUIRES,
            track="few-shot",
        ),
        MethodEntry(
            name="conditional-finetuned",
            target="hyperbench_baselines.finetuned:ConditionalFinetuned",
            summary="the conditional policy, which then takes gradient steps on the support",
            version=3,
            paper="the 'Cond' baseline of Ren et al., ICLR 2025, fine-tuned",
            requires=_REQUIRES,
            track="few-shot",
        ),
    ]
