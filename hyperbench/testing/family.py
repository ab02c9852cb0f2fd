"""The checks of a family, in the order in which their failures are easiest to mend."""

from __future__ import annotations

from collections.abc import Callable, Container

from hyperbench.family import TaskFamily
from hyperbench.testing.family_declared import (
    check_info,
    check_largest_reward,
    check_spaces,
    check_success,
    check_tasks,
)
from hyperbench.testing.family_ends import check_horizon, check_last_step, check_time_limit
from hyperbench.testing.family_episodes import (
    check_batch_does_not_matter,
    check_environments_share_nothing,
    check_large_seeds,
    check_make_equals_make_vec,
    check_seed_repeats_the_episode,
    check_starts_differ,
    check_threads_do_not_matter,
)
from hyperbench.testing.family_expert import (
    check_expert_acts_within_bounds,
    check_expert_beats_random,
    check_expert_beats_zero_action,
    check_experts_are_independent,
)
from hyperbench.testing.family_features import check_features_matter

FamilyCheck = Callable[[TaskFamily], None]

FAMILY_CHECKS: tuple[FamilyCheck, ...] = (
    check_info,
    check_tasks,
    check_spaces,
    check_large_seeds,
    check_seed_repeats_the_episode,
    check_starts_differ,
    check_horizon,
    check_last_step,
    check_time_limit,
    check_largest_reward,
    check_success,
    check_make_equals_make_vec,
    check_environments_share_nothing,
    check_batch_does_not_matter,
    check_threads_do_not_matter,
    check_features_matter,
    check_expert_acts_within_bounds,
    check_experts_are_independent,
    check_expert_beats_random,
    check_expert_beats_zero_action,
)
"""Every check; each is a function of the family that returns nothing or raises ContractError."""


def check_family(family: TaskFamily, *, except_for: Container[FamilyCheck] = ()) -> None:
    """Run every check on a family.

    Args:
        family: the family; its experts are played on all its tasks, four episodes each.
        except_for: checks that do not apply, e.g. ``[check_starts_differ]`` where every episode
            starts in the same state on purpose.

    Raises:
        ContractError: the first check that fails.
    """
    for check in FAMILY_CHECKS:
        if check not in except_for:
            check(family)
