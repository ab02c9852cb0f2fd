"""The order in which runs are carried out: it decides when a board is there, and no result."""

from __future__ import annotations

from collections.abc import Sequence

from hyperbench.measuring.sharing import Due
from hyperbench.registry import Registry
from hyperbench.run import Run


def in_order(runs: Sequence[Due], registry: Registry) -> list[Due]:
    """Put families one after the other, the cheapest first, so that its board is there soon.

    Within a family one fit comes first, which needs its demonstrations; the control arms, which
    need none, keep other workers busy until these are there; then come the other fits.

    Args:
        runs: in the order of the plan, which decides between equals.
        registry: makes the families.
    """
    by_family: dict[str, list[Due]] = {}
    for due in runs:
        by_family.setdefault(due.run.family, []).append(due)
    ordered = []
    for family in sorted(
        by_family, key=lambda id_: sum(_numbers_seen([due.run for due in by_family[id_]], registry))
    ):
        fits = [due for due in by_family[family] if not due.run.is_arm]
        arms = [due for due in by_family[family] if due.run.is_arm]
        ordered += [*fits[:1], *arms, *fits[1:]]
    return ordered


def _numbers_seen(runs: Sequence[Run], registry: Registry) -> list[int]:
    """For each run of one family, the numbers in all observations that are learned from and judged.

    What a family declares does not say what a step of its physics takes. A body of more parts is
    observed by more numbers, so they tell the dear ones as well.
    """
    family = registry.make_family(runs[0].family)
    per_step = int(family.observation_space.shape[0])
    seen = []
    for run in runs:
        rules, split = run.protocol, run.protocol.split(family, run.seeds.split)
        num_demonstrations = max(rules.num_demonstrations, family.info.min_demonstrations)
        num_episodes = (len(split.source) + len(split.validation)) * num_demonstrations
        num_episodes += len(split.target) * rules.num_episodes
        seen.append(num_episodes * family.info.horizon * per_step)
    return seen
