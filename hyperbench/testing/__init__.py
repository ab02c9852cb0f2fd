"""The contract as tests: what every family and every method keeps to, checkable in five lines.

    @pytest.mark.parametrize("check", FAMILY_CHECKS)
    def test_family_contract(check):
        check(MyFamily())

    CASE = MethodCase(MyMethod, MyMethod.Config(num_steps=20))

    @pytest.mark.parametrize("check", METHOD_CHECKS)
    def test_method_contract(check):
        check(CASE)

or, without pytest, ``check_family(MyFamily())`` and ``check_method(MyMethod)``. A broken contract
is a ``ContractError`` that says what was asked, what was found and what to do.
"""

from hyperbench.testing.differences import demonstrator_difference
from hyperbench.testing.family import FAMILY_CHECKS, check_family
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
from hyperbench.testing.line import LineFamily, line_demonstrations
from hyperbench.testing.method import METHOD_CHECKS, check_method
from hyperbench.testing.method_case import MethodCase
from hyperbench.testing.method_fit import (
    check_config,
    check_fit_is_deterministic,
    check_fit_report,
    check_global_random_state_is_not_read,
    check_global_random_state_is_not_touched,
    check_inputs_are_not_modified,
    check_instances_share_nothing,
    check_seed_matters,
    check_surroundings_are_left_alone,
    check_validation_is_optional,
)
from hyperbench.testing.method_generate import (
    check_generate_before_fit,
    check_load_refuses_an_empty_folder,
    check_loaded_whatever_its_settings,
    check_policies_act_within_bounds,
    check_policies_are_independent,
    check_policies_forget_at_reset,
    check_saved_equals_loaded,
    check_specs_matter,
)
from hyperbench.testing.method_record import check_record_is_verified
from hyperbench.testing.method_resume import check_fit_resumes
from hyperbench.testing.method_support import (
    check_support_is_asked_for,
    check_support_is_of_its_task,
)

__all__ = [
    "FAMILY_CHECKS",
    "METHOD_CHECKS",
    "LineFamily",
    "MethodCase",
    "check_batch_does_not_matter",
    "check_config",
    "check_environments_share_nothing",
    "check_expert_acts_within_bounds",
    "check_expert_beats_random",
    "check_expert_beats_zero_action",
    "check_experts_are_independent",
    "check_family",
    "check_features_matter",
    "check_fit_is_deterministic",
    "check_fit_report",
    "check_fit_resumes",
    "check_generate_before_fit",
    "check_global_random_state_is_not_read",
    "check_global_random_state_is_not_touched",
    "check_horizon",
    "check_info",
    "check_inputs_are_not_modified",
    "check_instances_share_nothing",
    "check_large_seeds",
    "check_largest_reward",
    "check_last_step",
    "check_load_refuses_an_empty_folder",
    "check_loaded_whatever_its_settings",
    "check_make_equals_make_vec",
    "check_method",
    "check_policies_act_within_bounds",
    "check_policies_are_independent",
    "check_policies_forget_at_reset",
    "check_record_is_verified",
    "check_saved_equals_loaded",
    "check_seed_matters",
    "check_seed_repeats_the_episode",
    "check_spaces",
    "check_specs_matter",
    "check_starts_differ",
    "check_success",
    "check_support_is_asked_for",
    "check_support_is_of_its_task",
    "check_surroundings_are_left_alone",
    "check_tasks",
    "check_threads_do_not_matter",
    "check_time_limit",
    "check_validation_is_optional",
    "demonstrator_difference",
    "line_demonstrations",
]
