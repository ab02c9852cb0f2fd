"""Checks of support: what each track may and must do with demonstrations of target tasks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperbench.errors import SupportError, contract_error
from hyperbench.testing.method_case import MethodCase


def check_support_is_asked_for(case: MethodCase) -> None:
    """Check that a few-shot method without support is a ``SupportError``, and that others do.

    Zero-shot protocols hand none over: what then came out of a few-shot method would be a row that
    says nothing about it.
    """
    if not case.few_shot:
        try:
            _ = case.reference
        except SupportError as error:
            raise contract_error(
                case.name,
                "a zero-shot method must generate without support.",
                f"SupportError: {error}",
                "Register it with track='few-shot' and check it with few_shot=True.",
            ) from error
        return
    found, cause = "policies.", None
    try:
        case.reference.generator.generate(case.specs)
    except SupportError:
        return
    except Exception as error:
        found, cause = f"{type(error).__name__}: {error}.", error
    raise contract_error(
        case.name,
        "generate of a few-shot method without support must be a SupportError.",
        found,
        "Check and raise hyperbench.errors.SupportError(self).",
    ) from cause


def check_support_is_of_its_task(case: MethodCase) -> None:
    """Check that a policy depends on its own task's support, and on no other's.

    One task is handed another's demonstrations: its policy must change and the others must not. A
    zero-shot method that is handed support must generate as it does without.
    """
    generator, specs = case.reference.generator, case.specs
    own = case.support(specs)
    foreign = replace(own, episodes=(own.episodes[-1], *own.episodes[1:]))
    before = case.act(case.generate(generator, specs))
    after = case.act(generator.generate(specs, foreign))
    moved = np.abs(after - before)
    if not case.few_shot:
        if moved.any():
            raise contract_error(
                case.name,
                "a zero-shot method must not use support.",
                f"actions differ by up to {moved.max():g} once it is given.",
                "Leave the argument alone, or register it with track='few-shot'.",
            )
        return
    if not moved[:, 0].any():
        raise contract_error(
            case.name,
            f"the policy of {specs[0].label} must depend on its support.",
            f"the same actions with demonstrations of {specs[-1].label} in their place.",
            "Use support.select(specs), or register it with track='zero-shot'.",
        )
    if not (moved[:, 1:] <= case.rounding).all():
        raise contract_error(
            case.name,
            "a policy must not depend on the support of another task.",
            f"actions differ by up to {moved[:, 1:].max():g}.",
            "Adapt to each task by itself: no sums over tasks, no shared optimiser state.",
        )
