"""Methods that break their contract in one point each."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace

import numpy as np
from pydantic import Field, field_validator
from safetensors.numpy import save_file

from hyperbench.generator import MethodConfig
from hyperbench.policy import MLPPolicies
from hyperbench.testing import method_fit, method_generate, method_record

from .fakes_random_features import RandomFeatures


class UndocumentedConfig(RandomFeatures):
    class Config(MethodConfig):
        num_hidden: int = 16


class LooseConfig(RandomFeatures):
    class Config:
        num_hidden = 16


class ForgetfulConfig(RandomFeatures):
    class Config(MethodConfig):
        num_hidden: int = Field(16, exclude=True)
        """Hidden units, which no record keeps."""
        num_steps: int = 10
        """Means nothing."""


class GrowingConfig(RandomFeatures):
    class Config(MethodConfig):
        num_hidden: int = 16
        """Hidden units, twice as many each time they are read."""

        @field_validator("num_hidden")
        @classmethod
        def _double(cls, value):
            return 2 * value


class PoliciesOfNoise(RandomFeatures):
    def generate(self, specs, support=None):
        if not self.fitted:
            return MLPPolicies(
                (np.ones((len(specs), 2, 1), np.float32),),
                (np.ones((len(specs), 1), np.float32),),
                *(np.ones(n, np.float32) for n in (2, 2, 1, 1)),
            )
        return super().generate(specs)


class UnfittedIsKeyError(RandomFeatures):
    def generate(self, specs, support=None):
        return self.fitted["weight"] and super().generate(specs)


def reports(**changes):
    class Broken(RandomFeatures):
        def fit(self, *args, **kwargs):
            return replace(super().fit(*args, **kwargs), **changes)

    return Broken


class SilentFit(RandomFeatures):
    def fit(self, *args, **kwargs):
        super().fit(*args, **kwargs)


class Overtime(RandomFeatures):
    def fit(self, *args, progress, **kwargs):
        progress(3, 2, 0.0)
        return super().fit(*args, progress=progress, **kwargs)


def generates(change):
    """A method whose policies are changed by ``change(policies)``."""

    class Broken(RandomFeatures):
        def generate(self, specs, support=None):
            return change(super().generate(specs))

    return Broken


class Wandering:
    """Policies that remember, across reset, how often they acted."""

    def __init__(self, policies):
        self.policies, self.num_tasks, self.count = policies, policies.num_tasks, 0

    def act(self, observations):
        self.count += 1
        return self.policies.act(observations + np.float32(0.01 * self.count))

    def reset(self):
        pass


class Entropy(RandomFeatures):
    def rng(self, seed):
        return np.random.default_rng()


class SameSeed(RandomFeatures):
    def rng(self, seed):
        return np.random.default_rng(0)


class SeedsNumpy(RandomFeatures):
    def rng(self, seed):
        np.random.seed(seed)  # noqa: NPY002 -- the fault
        return super().rng(seed)


class DrawsFromRandom(RandomFeatures):
    def generate(self, specs, support=None):
        random.random()
        return super().generate(specs)


class DrawsFromNumpy(RandomFeatures):
    """Reads the global state through a copy, so that it stays untouched."""

    def rng(self, seed):
        state = np.random.RandomState()
        state.set_state(np.random.get_state())  # noqa: NPY002 -- the fault
        return np.random.default_rng([seed, state.randint(1000)])


def leaving(change):
    """A method whose fit leaves something behind in its process."""

    class Broken(RandomFeatures):
        def fit(self, *args, **kwargs):
            change()
            return super().fit(*args, **kwargs)

    return Broken


class CentresInPlace(RandomFeatures):
    def fit(self, demonstrations, **kwargs):
        for episode in demonstrations.episodes[0]:
            observations = episode.observations
            observations -= observations.mean(axis=0)
        return super().fit(demonstrations, **kwargs)


class WeightsOfTheClass(RandomFeatures):
    shared = {}  # noqa: RUF012 -- the fault

    @property
    def fitted(self):
        return self.shared

    @fitted.setter
    def fitted(self, value):
        self.shared.update(value)


class NeedsValidation(RandomFeatures):
    def fit(self, demonstrations, *, validation, **kwargs):
        assert validation.num_tasks
        return super().fit(demonstrations, validation=validation, **kwargs)


def centred(policies):
    first, *rest = policies.biases
    return replace(policies, biases=(first - 0.1 * first.mean(axis=0), *rest))


class ByPosition(RandomFeatures):
    def generate(self, specs, support=None):
        policies = super().generate(specs)
        first, *rest = policies.biases
        noise = np.random.default_rng(0).normal(size=first.shape).astype(np.float32)
        return replace(policies, biases=(first + noise, *rest))


class ForgetsAFeature(RandomFeatures):
    def fit(self, *args, **kwargs):
        report = super().fit(*args, **kwargs)
        self.fitted["spec_weight"][1] = 0.0
        return report


class ForgetsToSave(RandomFeatures):
    def save(self, path):
        save_file(self.fitted | {"bias": 0 * self.fitted["bias"]}, path / "weights.safetensors")


class Pickles(RandomFeatures):
    def save(self, path):
        super().save(path)
        (path / "extra.pkl").write_bytes(b"")


class LoadsNothing(RandomFeatures):
    def load(self, path):
        pass


class LoadIsOSError(RandomFeatures):
    def load(self, path):
        self.fitted = json.loads((path / "weights.json").read_text())


class LosesItsSettings(RandomFeatures):
    def generate(self, specs, support=None):
        policies = super().generate(specs)
        first, *rest = policies.biases
        return replace(policies, biases=(first * (16 / self.config.num_hidden), *rest))


class Drifting(MLPPolicies):
    """Plays what no file of its kind says."""

    def act(self, observations):
        return np.clip(super().act(observations) + 0.1, self.action_low, self.action_high)


class OfNoKind(MLPPolicies):
    kind = "of-nobody"


def wide(policies):
    return replace(
        policies, action_low=policies.action_low * 2, action_high=policies.action_high * 2
    )


class DoublePolicies(MLPPolicies):
    def act(self, observations):
        return super().act(observations).astype(np.float64)


def double(policies):
    return DoublePolicies(**vars(policies))


BROKEN_METHODS = {
    "undocumented config": (method_fit.check_config, UndocumentedConfig, "num_hidden"),
    "forgetful config": (method_fit.check_config, ForgetfulConfig, "written as JSON and read"),
    "growing config": (method_fit.check_config, GrowingConfig, "written as JSON and read"),
    "loose config": (method_fit.check_config, LooseConfig, "MethodConfig"),
    "policies of noise": (method_generate.check_generate_before_fit, PoliciesOfNoise, "policies."),
    "KeyError": (method_generate.check_generate_before_fit, UnfittedIsKeyError, "KeyError"),
    "chosen too late": (method_fit.check_fit_report, reports(chosen_step=2), "chosen_step"),
    "NaN loss": (method_fit.check_fit_report, reports(final_loss=float("nan")), "finite"),
    "falling curve": (
        method_fit.check_fit_report,
        reports(curve=((1, 0.0, None), (0, 0.0, None))),
        "ascending",
    ),
    "no report": (method_fit.check_fit_report, SilentFit, "NoneType"),
    "overtime": (method_fit.check_fit_report, Overtime, "progress counts"),
    "wide bounds": (
        method_generate.check_policies_act_within_bounds,
        generates(wide),
        "lie between",
    ),
    "float64": (method_generate.check_policies_act_within_bounds, generates(double), "float64"),
    "one policy": (
        method_generate.check_policies_act_within_bounds,
        generates(lambda policies: policies.take([0])),
        "for 5 specs",
    ),
    "wandering": (method_generate.check_policies_forget_at_reset, generates(Wandering), "reset"),
    "entropy": (method_fit.check_fit_is_deterministic, Entropy, "every time"),
    "same seed": (method_fit.check_seed_matters, SameSeed, "must use its seed"),
    "seeds numpy": (method_fit.check_global_random_state_is_not_touched, SeedsNumpy, "numpy"),
    "draws": (method_fit.check_global_random_state_is_not_touched, DrawsFromRandom, "random"),
    "reads": (method_fit.check_global_random_state_is_not_read, DrawsFromNumpy, "drawn"),
    "changes NumPy's errors": (
        method_fit.check_surroundings_are_left_alone,
        leaving(lambda: np.seterr(over="raise")),
        "floating-point errors",
    ),
    "changes the environment": (
        method_fit.check_surroundings_are_left_alone,
        leaving(lambda: os.environ.update(LEFT_BEHIND="yes")),
        "environment variables",
    ),
    "prints": (
        method_fit.check_surroundings_are_left_alone,
        leaving(lambda: print("epoch 1/1")),
        "standard output, by 'epoch 1/1",
    ),
    "centres in place": (method_fit.check_inputs_are_not_modified, CentresInPlace, "observations"),
    "weights of the class": (
        method_fit.check_instances_share_nothing,
        WeightsOfTheClass,
        "another",
    ),
    "needs validation": (method_fit.check_validation_is_optional, NeedsValidation, "Attribute"),
    "centred": (method_generate.check_policies_are_independent, generates(centred), "with others"),
    "by position": (method_generate.check_policies_are_independent, ByPosition, "same alone"),
    "forgets a feature": (method_generate.check_specs_matter, ForgetsAFeature, "feature 'gain'"),
    "forgets to save": (method_generate.check_saved_equals_loaded, ForgetsToSave, "loaded"),
    "pickles": (method_generate.check_saved_equals_loaded, Pickles, "extra.pkl"),
    "loses its settings": (
        method_generate.check_loaded_whatever_its_settings,
        LosesItsSettings,
        "num_hidden=32",
    ),
    "plays otherwise": (
        method_record.check_record_is_verified,
        generates(lambda policies: Drifting(**vars(policies))),
        "returns differ",
    ),
    "of no kind": (
        method_record.check_record_is_verified,
        generates(lambda policies: OfNoKind(**vars(policies))),
        "'of-nobody', which no plugin registers",
    ),
    "loads nothing": (
        method_generate.check_load_refuses_an_empty_folder,
        LoadsNothing,
        "no error",
    ),
    "OSError": (
        method_generate.check_load_refuses_an_empty_folder,
        LoadIsOSError,
        "FileNotFoundError",
    ),
}
"""What is broken: (the check that must reject it, the method class, words of the message)."""
