"""Checks of ``generate``, ``save`` and ``load``, and of the policies that come out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from hyperbench.errors import DataError, NotFittedError, contract_error
from hyperbench.policy import PolicyBatch
from hyperbench.registry.functions import FunctionMethod
from hyperbench.task import FloatArray, TaskSpec
from hyperbench.testing.method_case import NUM_PROBES, MethodCase
from hyperbench.testing.settings import other_settings
from hyperbench.testing.trace import within

_FAR = 1000.0
"""How many times farther than demonstrated the observations are in which bounds must hold."""


def check_generate_before_fit(case: MethodCase) -> None:
    """Check that ``generate`` before ``fit`` is a ``NotFittedError``, not policies of noise."""
    remedy = "raise hyperbench.errors.NotFittedError(self) where nothing is fitted or loaded."
    try:
        case.generate(case.new(), case.specs)
    except NotFittedError:
        return
    except Exception as error:
        found = f"{type(error).__name__}: {error}."
        raise contract_error(
            case.name, "generate before fit must be a NotFittedError.", found, f"Check and {remedy}"
        ) from error
    raise contract_error(
        case.name,
        "generate before fit must be a NotFittedError.",
        "policies.",
        f"Check and {remedy}",
    )


def check_policies_act_within_bounds(case: MethodCase) -> None:
    """Check that policies answer with finite float32 actions inside the action bounds.

    One policy per spec, in a ``PolicyBatch``; also in observations a thousand times farther out
    than any demonstrated one, because that is where a bad policy goes.
    """
    policies = case.generate(case.reference.generator, case.specs)
    if not isinstance(policies, PolicyBatch) or policies.num_tasks != len(case.specs):
        raise contract_error(
            case.name,
            f"generate must return a PolicyBatch for {len(case.specs)} specs.",
            f"a {type(policies).__name__} for {getattr(policies, 'num_tasks', 'no')}.",
            "hyperbench.policy.MLPPolicies is one; num_tasks, act and reset make another.",
        )
    low, high = case.demonstrations.action_low, case.demonstrations.action_high
    for scale in (1.0, _FAR):
        actions = case.act(policies, scale)
        shape = (len(case.specs), NUM_PROBES, len(low))
        if actions.dtype != np.float32 or actions.shape[1:] != shape:
            raise contract_error(
                case.name,
                f"actions must be float32 of shape {shape}, (num_tasks, num_episodes, action_dim).",
                f"{actions.dtype} of shape {actions.shape[1:]}.",
                "See PolicyBatch.act.",
            )
        if not within(actions, low, high):
            raise contract_error(
                case.name,
                f"actions must lie between {low.tolist()} and {high.tolist()}.",
                f"values from {actions.min():g} to {actions.max():g}.",
                "Squash them into demonstrations.action_low and action_high; normalise safely.",
            )


def check_policies_forget_at_reset(case: MethodCase) -> None:
    """Check that after ``reset`` policies act as they did the first time.

    ``rollout`` resets them before each batch of episodes, and batches may be of any size.
    """
    policies = case.generate(case.reference.generator, case.specs)
    first, second = case.act(policies), case.act(policies)
    if not np.array_equal(first, second):
        raise contract_error(
            case.name,
            "policies must act the same after reset().",
            f"actions differ by up to {np.abs(first - second).max():g}.",
            "Clear in reset everything that act remembers, its random numbers too.",
        )


def check_policies_are_independent(case: MethodCase) -> None:
    """Check that a spec's policy depends on no other spec in the call, nor on their order.

    A target task must not be helped by the others; ``generate([a, b])[0]`` is ``generate([a])[0]``.
    Rounding with the size of the batch is allowed, 1e-4 of the action range.
    """
    generator, specs = case.reference.generator, case.specs
    together = case.act(case.generate(generator, specs))
    reverse = case.act(case.generate(generator, specs[::-1]))[:, ::-1]
    for i, spec in enumerate(specs):
        alone = case.act(case.generate(generator, [spec]))[:, 0]
        for how, other in (("with others", together[:, i]), ("in reverse order", reverse[:, i])):
            if not (np.abs(alone - other) <= case.rounding).all():
                raise contract_error(
                    case.name,
                    f"the policy of {spec.label} must be the same alone and {how}.",
                    f"actions differ by up to {np.abs(alone - other).max():g}.",
                    "No statistics over the specs of a call: no batch normalisation in training "
                    "mode, no ranks, no random numbers by position.",
                )


def check_specs_matter(case: MethodCase) -> None:
    """Check that different specs give different policies, feature by feature.

    Each feature is moved from one end of its range to the other, across its circle in two
    directions, so that cosine and sine both change, or from its first category to each other; in
    the few-shot track, where such specs have no support, two target specs are compared. An arm that
    ignores the spec on purpose leaves this check out, by ``except_for``.
    """
    if case.few_shot:
        pairs = [("the spec", case.specs[0], case.specs[-1])]
    else:
        pairs = [pair for name in case.specs[0].space.names for pair in _apart(case.specs[0], name)]
    for what, one, other in pairs:
        actions = case.act(case.generate(case.reference.generator, [one, other]))
        if np.array_equal(actions[:, 0], actions[:, 1]):
            raise contract_error(
                case.name,
                f"policies must depend on {what}.",
                f"the same actions for {one.label} and {other.label}.",
                "Read all of spec.vector.",
            )


def _apart(spec: TaskSpec, name: str) -> list[tuple[str, TaskSpec, TaskSpec]]:
    """Move one feature of the spec: what is moved, and pairs of specs that differ in it alone."""
    position = spec.space.names.index(name)
    feature = spec.space.features[position]
    low, high = feature.low, feature.high
    if feature.domain == "categories":
        pairs = [(0.0, float(i)) for i in range(1, len(feature.categories))]
    elif feature.domain == "circle":
        quarter = (high - low) / 4
        # From 0, where the cosine is 1: see Feature.present.
        pairs = [(0.0, 2 * quarter), (quarter, 3 * quarter)]
    else:
        pairs = [(low, high)]

    def at(value: float) -> TaskSpec:
        values = (*spec.values[:position], value, *spec.values[position + 1 :])
        return TaskSpec(spec.family, spec.space, values)

    return [(f"feature {name!r}", at(one), at(other)) for one, other in pairs]


def check_saved_equals_loaded(case: MethodCase) -> None:
    """Check that ``save``, ``load``, ``generate`` gives equal policies, from safe files.

    Files are safetensors and JSON: nobody should have to run a stranger's pickle to check a board.
    A function is not saved.
    """
    if issubclass(case.method, FunctionMethod):
        return
    with tempfile.TemporaryDirectory() as folder:
        case.reference.generator.save(Path(folder))
        files = [file for file in sorted(Path(folder).rglob("*")) if file.is_file()]
        unsafe = [file.name for file in files if file.suffix not in {".safetensors", ".json"}]
        if unsafe or not files:
            raise contract_error(
                case.name,
                "save must write .safetensors and .json files.",
                f"{', '.join(unsafe) or 'nothing'}.",
                "Use safetensors.numpy.save_file or safetensors.torch.save_file.",
            )
        loaded = case.new()
        loaded.load(Path(folder))
    after: FloatArray = case.act(case.generate(loaded, case.specs))
    if not np.array_equal(case.reference.actions, after):
        raise contract_error(
            case.name,
            "a loaded generator must give the policies of the saved one.",
            f"actions differ by up to {np.abs(case.reference.actions - after).max():g}.",
            "Save everything generate needs: the normalisation and the bounds, too.",
        )


def check_loaded_whatever_its_settings(case: MethodCase) -> None:
    """Check that ``load`` brings the settings that ``generate`` reads.

    Whoever loads a generator need not know with which settings it was made: one that was made with
    others must then give the same policies. A function is not saved.
    """
    if issubclass(case.method, FunctionMethod):
        return
    config = case.reference.generator.config
    others = other_settings(config)
    if others == config:
        return
    with tempfile.TemporaryDirectory() as folder:
        case.reference.generator.save(Path(folder))
        loaded = case.method(others)
        loaded.load(Path(folder))
    after: FloatArray = case.act(case.generate(loaded, case.specs))
    if not np.array_equal(case.reference.actions, after):
        raise contract_error(
            case.name,
            "a generator made with other settings must give the saved one's policies once loaded.",
            f"other actions where it was made with {others!r}.",
            "Save self.config.model_dump_json() beside the arrays, and set self.config in load.",
        )


def check_load_refuses_an_empty_folder(case: MethodCase) -> None:
    """Check that ``load`` of a folder without a generator is a ``DataError``."""
    found, cause = "no error.", None
    with tempfile.TemporaryDirectory() as folder:
        try:
            case.new().load(Path(folder))
        except DataError:
            return
        except Exception as error:
            found, cause = f"{type(error).__name__}: {error}.", error
    raise contract_error(
        case.name,
        "load of an empty folder must be a DataError.",
        found,
        "Raise one that names the folder and the missing file.",
    ) from cause
