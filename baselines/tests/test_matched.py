"""Sizes that match HyPoGen's, on the bodies that boards are about."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hyperbench_baselines.common.learned import Dimensions
from hyperbench_baselines.conditional import Conditional
from hyperbench_baselines.hyperzero import Hyperzero
from hyperbench_baselines.hypogen import Hypogen, HypogenConfig
from pydantic import ValidationError

from hyperbench.measuring.plan import plan
from hyperbench.protocol import QUICK
from hyperbench.registry import installed

BODIES = {
    "cheetah": Dimensions(shown_dim=1, observation_dim=17, action_dim=6),
    "walker": Dimensions(shown_dim=2, observation_dim=24, action_dim=6),
    "finger": Dimensions(shown_dim=1, observation_dim=9, action_dim=2),
}


def num_parameters(method, dimensions: Dimensions, **settings) -> int:
    generator = method(method.Config(**settings))
    network = generator.build(dimensions, torch.Generator().manual_seed(0))
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (Hyperzero, {}),
        (Hyperzero, {"value_weight": 0, "td_weight": 0}),
        (Conditional, {}),
        (Conditional, {"policy_width": 64, "policy_depth": 3}),
    ],
)
def test_matched_networks_have_as_many_parameters_as_hypogens(body, method, settings):
    dimensions = BODIES[body]
    policy = {name: value for name, value in settings.items() if name.startswith("policy")}
    goal = num_parameters(Hypogen, dimensions, **policy)
    ours = num_parameters(method, dimensions, preset="matched", **settings)
    assert ours == pytest.approx(goal, rel=0.02)


def test_the_goal_on_the_cheetah_is_the_documented_one():
    assert num_parameters(Hypogen, BODIES["cheetah"]) == 1_676_018
    assert HypogenConfig().preset == "default"


@pytest.mark.parametrize("method", [Hyperzero, Conditional])
def test_a_matched_generator_is_saved_and_loaded(method, source, make_spec, tmp_path):
    saved = method(method.Config(preset="matched", num_steps=2, samples_per_task=8))
    saved.fit(source, validation=None, seed=0)
    saved.save(tmp_path)
    loaded = method()
    loaded.load(tmp_path)
    assert loaded.config.embedding_width == "matched"
    policies = [generator.generate([make_spec(0.1)]) for generator in (saved, loaded)]
    assert np.array_equal(policies[0].weights[0], policies[1].weights[0])


@pytest.mark.parametrize("method", [Hyperzero, Conditional])
def test_a_width_is_a_multiple_of_four_or_matched(method):
    assert method.Config.model_validate({"embedding_width": "64"}).embedding_width == 64
    for wrong in (0, 6, "wide"):
        with pytest.raises(ValidationError, match="embedding_width"):
            method.Config(embedding_width=wrong)


def test_the_row_says_so():
    runs = plan(
        installed(),
        ["hyperzero"],
        "pointmass",
        QUICK,
        baselines=False,
        settings=["preset=matched"],
    )
    [label] = {run.label for run in runs if not run.is_arm}
    assert label.startswith("hyperzero [preset=matched] on pointmass")
