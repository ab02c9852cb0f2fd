"""The checks of a method, in the order in which their failures are easiest to mend."""

from __future__ import annotations

from collections.abc import Callable, Container

from hyperbench.demonstration import Demonstrations
from hyperbench.generator import MethodConfig, PolicyGenerator
from hyperbench.testing.line import line_demonstrations
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

MethodCheck = Callable[[MethodCase], None]

METHOD_CHECKS: tuple[MethodCheck, ...] = (
    check_config,
    check_generate_before_fit,
    check_support_is_asked_for,
    check_fit_report,
    check_policies_act_within_bounds,
    check_policies_forget_at_reset,
    check_fit_is_deterministic,
    check_seed_matters,
    check_global_random_state_is_not_touched,
    check_global_random_state_is_not_read,
    check_surroundings_are_left_alone,
    check_inputs_are_not_modified,
    check_instances_share_nothing,
    check_validation_is_optional,
    check_fit_resumes,
    check_policies_are_independent,
    check_specs_matter,
    check_support_is_of_its_task,
    check_saved_equals_loaded,
    check_loaded_whatever_its_settings,
    check_load_refuses_an_empty_folder,
    check_record_is_verified,
)
"""Every check; each is a function of a MethodCase that returns nothing or raises ContractError."""


def check_method(
    method: type[PolicyGenerator],
    config: MethodConfig | None = None,
    *,
    demonstrations: Demonstrations | None = None,
    few_shot: bool = False,
    except_for: Container[MethodCheck] = (),
) -> None:
    """Run every check on a method; it is fitted eight times, and a resumable one twice more.

    Args:
        method: the class.
        config: settings that make its fit fast; its defaults when omitted.
        demonstrations: see ``MethodCase``; the kit's own when omitted.
        few_shot: whether ``generate`` is given the target tasks' demonstrations as support.
        except_for: checks that do not apply: ``check_seed_matters`` for a method in closed form,
            ``check_specs_matter`` for an arm that ignores the spec on purpose.

    Raises:
        ContractError: the first check that fails.
    """
    case = MethodCase(method, config, demonstrations or line_demonstrations(), few_shot)
    for check in METHOD_CHECKS:
        if check not in except_for:
            check(case)
