"""Checks of ``fit``: what it may depend on, and what it may leave behind."""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import contract_error, one_line
from hyperbench.generator import FitReport, MethodConfig
from hyperbench.testing.method_case import SEED, MethodCase

_OTHER_SEED = 2


def check_config(case: MethodCase) -> None:
    """Check that ``Config`` is a ``MethodConfig`` whose fields are explained and kept.

    ``--set name=value`` and ``hyperbench info`` read it: a field nobody explains is set by nobody.
    A run has its settings from the plan, as JSON, and so has whoever repeats it.
    """
    config = case.method.Config
    if not (isinstance(config, type) and issubclass(config, MethodConfig)):
        raise contract_error(
            case.name,
            "Config must be a subclass of hyperbench.generator.MethodConfig.",
            f"{config!r}.",
            "Derive it; MethodConfig is frozen and refuses unknown names.",
        )
    unexplained = [name for name, field in config.model_fields.items() if not field.description]
    if unexplained:
        raise contract_error(
            case.name,
            "every field of Config must have a docstring under it.",
            f"none under {', '.join(unexplained)}.",
            "Write what it does, its unit and where its default comes from.",
        )
    settings = config() if case.config is None else case.config
    said = json.loads(settings.model_dump_json())
    again: MethodConfig | str
    try:
        again = config.model_validate(said)
    except ValueError as error:
        again = one_line(error)
    if again != settings or config.model_fields.keys() - said.keys() - config.LATER:
        raise contract_error(
            case.name,
            "Config must be the same after it was written as JSON and read.",
            f"{settings!r} became {said} and {again!r}.",
            "Exclude no field, and let validators leave alone what they have made.",
        )


def check_fit_report(case: MethodCase) -> None:
    """Check that ``fit`` returns a ``FitReport`` that makes sense, and reports progress alike.

    Boards print its numbers as the method's cost, and the progress display divides by them.
    """
    report = case.reference.report
    if not isinstance(report, FitReport):
        raise contract_error(
            case.name,
            "fit must return a hyperbench.generator.FitReport.",
            f"a {type(report).__name__}.",
            "Return one; a method without steps says num_steps=0 and its training error.",
        )
    for claim, holds in {
        "0 <= chosen_step <= num_steps": 0 <= report.chosen_step <= report.num_steps,
        "final_loss is finite": bool(np.isfinite(report.final_loss)),
        "num_parameters >= 0": report.num_parameters >= 0,
        "curve has ascending steps <= num_steps": _is_ascending(
            [step for step, _, _ in report.curve], report.num_steps
        ),
        "progress counts up to at most its num_steps": all(
            0 <= step <= num_steps for step, num_steps, _ in case.reference.progress
        ),
    }.items():
        if not holds:
            raise contract_error(
                case.name,
                f"of a fit it must be true that {claim}.",
                f"{report}, progress {case.reference.progress[-1:]}.",
                "Report what was done; a loss that is no longer finite is a FloatingPointError.",
            )


def _is_ascending(steps: list[int], last: int) -> bool:
    return steps == sorted(set(steps)) and (not steps or 0 <= steps[0] <= steps[-1] <= last)


def check_fit_is_deterministic(case: MethodCase) -> None:
    """Check that two fits with one seed on the CPU give equal policies, to the last digit.

    A record can be made again only if this holds.
    """
    again = case.fit(SEED).actions
    if not np.array_equal(case.reference.actions, again):
        raise contract_error(
            case.name,
            f"fit(seed={SEED}) must give the same policies every time on the CPU.",
            f"actions differ by up to {np.abs(case.reference.actions - again).max():g}.",
            "Draw everything random from the seed; sort what comes out of a set.",
        )


def check_seed_matters(case: MethodCase) -> None:
    """Check that another seed gives other policies.

    Five seed pairs of a method that ignores its seed look like five measurements and are one. A
    method in closed form leaves this check out, by ``except_for`` where it is registered or tested.
    """
    if np.array_equal(case.reference.actions, case.fit(_OTHER_SEED).actions):
        raise contract_error(
            case.name,
            "fit must use its seed.",
            f"the same policies with seeds {SEED} and {_OTHER_SEED}.",
            "Draw initial weights and batches from it. A method in closed form says so where it is "
            'registered: except_for=["check_seed_matters"].',
        )


def check_global_random_state_is_not_touched(case: MethodCase) -> None:
    """Check that fitting, generating and acting leave the global random states alone.

    Those of ``random``, ``numpy.random`` and, where it is imported, ``torch``: a method that seeds
    or advances them changes what everybody after it draws.
    """
    _ = case.reference  # So that a torch which fit imports is imported now.
    with _other_global_states():
        before = _global_states()
        case.fit()
        after = _global_states()
    for library, state in after.items():
        if state != before[library]:
            raise contract_error(
                case.name,
                "no global random state may change.",
                f"that of {library} is another one after fit and generate.",
                "Use numpy.random.default_rng(seed), or torch.Generator or torch.random.fork_rng.",
            )


def check_global_random_state_is_not_read(case: MethodCase) -> None:
    """Check that the global random states do not decide anything.

    They are set to another seed before a fit, which then must give the same policies.
    """
    reference = case.reference.actions
    with _other_global_states():
        other = case.fit().actions
    if not np.array_equal(reference, other):
        raise contract_error(
            case.name,
            "nothing may be drawn from a global random state.",
            "other policies after random, numpy.random and torch were seeded differently.",
            "Pass a generator made from fit's seed; torch layers draw their initial weights, too.",
        )


@contextmanager
def _other_global_states() -> Iterator[None]:
    """Seed the global random states with something no fit comes upon; put them back at the end."""
    before = _global_states()
    try:
        random.seed(12345)
        np.random.seed(12345)  # noqa: NPY002 -- the global state is the subject
        if "torch" in sys.modules:
            sys.modules["torch"].manual_seed(12345)
        yield
    finally:
        _restore(before)


def _global_states() -> dict[str, Any]:
    states = {
        "random": random.getstate(),
        "numpy": _comparable(np.random.get_state()),  # noqa: NPY002 -- the global state is the subject
    }
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state().numpy().tobytes()
    return states


def _comparable(state: Any) -> tuple[Any, ...]:
    """NumPy's state without its array, whose comparison would be an array."""
    return tuple(tuple(part) if isinstance(part, np.ndarray) else part for part in state)


def _restore(states: dict[str, Any]) -> None:
    random.setstate(states["random"])
    np.random.set_state(states["numpy"])  # noqa: NPY002 -- the global state is the subject
    if "torch" in states:
        torch = sys.modules["torch"]
        torch.set_rng_state(torch.frombuffer(bytearray(states["torch"]), dtype=torch.uint8))


def check_surroundings_are_left_alone(case: MethodCase) -> None:
    """Check that a fit leaves its process as it was, and standard output to others.

    Runs put back the working directory, environment variables, torch's default dtype and gradient
    mode, and keep standard output free for ``--json``; whoever fits by hand has no such net.
    """
    with redirect_stdout(io.StringIO()) as printed:
        changed = [*case.fit().changed]
    if printed.getvalue():
        changed.append(f"standard output, by {printed.getvalue()[:40]!r}")
    if changed:
        raise contract_error(
            case.name,
            "fit and generate must leave their process as it was.",
            f"a change of {', '.join(changed)}.",
            "Undo it in a finally or a context manager; tell progress by the callback.",
        )


def check_inputs_are_not_modified(case: MethodCase) -> None:
    """Check that ``fit`` and ``generate`` leave the demonstrations as they were.

    The conductor keeps them in memory for the next method.
    """
    fitted = case.reference
    pairs = [("demonstrations", case.source, fitted.source)]
    if fitted.validation is not None:
        pairs.append(("validation", case.validation, fitted.validation))
    if case.few_shot:
        support = case.support(case.specs)
        fitted.generator.generate(case.specs, support)
        pairs.append(("support", case.demonstrations.select(case.specs), support))
    for name, before, after in pairs:
        changed = _changed_arrays(before, after)
        if changed:
            raise contract_error(
                case.name,
                f"fit and generate must not change their {name}.",
                f"other {', '.join(sorted(changed))} than before.",
                "Work on copies: `x = x - mean`, not `x -= mean`.",
            )


def _changed_arrays(before: Demonstrations, after: Demonstrations) -> set[str]:
    names = ("observations", "actions", "rewards")
    changed = {
        name
        for row, other_row in zip(before.episodes, after.episodes, strict=True)
        for episode, other in zip(row, other_row, strict=True)
        for name in names
        if not np.array_equal(getattr(episode, name), getattr(other, name))
    }
    bounds = ("action_low", "action_high")
    return changed | {
        name for name in bounds if not np.array_equal(getattr(before, name), getattr(after, name))
    }


def check_instances_share_nothing(case: MethodCase) -> None:
    """Check that fitting a second generator leaves the first one's policies alone.

    Runs share a process; weights in a class attribute or a module would leak from one to the next.
    """
    reference = case.reference
    case.fit(_OTHER_SEED)
    after = case.act(case.generate(reference.generator, case.specs))
    if not np.array_equal(reference.actions, after):
        raise contract_error(
            case.name,
            "a generator's policies must not change when another generator is fitted.",
            f"actions differ by up to {np.abs(case.reference.actions - after).max():g}.",
            "Keep what is learned in self, set in fit.",
        )


def check_validation_is_optional(case: MethodCase) -> None:
    """Check that ``fit`` works with ``validation=None``.

    Protocol ``paper-v1`` has no validation tasks.
    """
    try:
        case.fit(with_validation=False)
    except Exception as error:
        raise contract_error(
            case.name,
            "fit(validation=None) must work: keep the last step then.",
            f"{type(error).__name__}: {error}.",
            "Skip early stopping where there is nothing to stop by.",
        ) from error
