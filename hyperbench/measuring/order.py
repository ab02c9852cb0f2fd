"""The order in which runs are carried out: it decides when a board is there, and no result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hyperbench.measuring.dataset import num_demonstrations
from hyperbench.measuring.sharing import Due
from hyperbench.registry import Registry
from hyperbench.run import Run


def in_order(runs: Sequence[Due], registry: Registry) -> list[Due]:
    """Put families one after the other, the cheapest first, so that its board is there soon.

    Within a family one fit comes first, which needs its demonstrations; the control arms, which
    need none, keep other workers busy until these are there; then come the other fits, and last
    the controls with faulty specs, which share a fit.

    Args:
        runs: in the order of the plan, which decides between equals.
        registry: makes the families.
    """
    by_family: dict[str, list[Due]] = {}
    for due in runs:
        by_family.setdefault(due.run.family, []).append(due)
    ordered = []
    for family in sorted(
        by_family, key=lambda id_: _numbers_seen([due.run for due in by_family[id_]], registry)
    ):
        fits = [due for due in by_family[family] if not due.run.is_arm]
        fits.sort(key=lambda due: due.run.is_faulty)
        arms = [due for due in by_family[family] if due.run.is_arm]
        ordered += [*fits[:1], *arms, *fits[1:]]
    return ordered


def _numbers_seen(runs: Sequence[Run], registry: Registry) -> int:
    """The numbers in all observations that runs of one family learn from and judge.

    What a family declares does not say what a step of its physics takes. A body of more parts is
    observed by more numbers, so they tell the dear ones as well.
    """
    family = registry.make_family(runs[0].family)
    rules = runs[0].protocol  # all runs of a plan have the same
    num_shown = num_demonstrations(family, rules.num_demonstrations)
    num_episodes = 0
    for split_seed, number in Counter(run.seeds.split for run in runs).items():
        split = rules.split(family, split_seed)
        num_learned = (len(split.source) + len(split.validation)) * num_shown
        num_episodes += number * (num_learned + len(split.target) * rules.num_episodes)
    return num_episodes * family.info.horizon * int(family.observation_space.shape[0])
