"""Where methods are tuned: around their defaults, and never at the expense of the equal budget."""

from __future__ import annotations

import importlib

import pytest
from hyperbench_baselines.common.config import LearningConfig
from hyperbench_baselines.plugin import hyperbench_methods

ENTRIES = {entry.name: entry for entry in hyperbench_methods()}
SHARED = set(LearningConfig.model_fields) - {"learning_rate", "weight_decay"}
"""Budget, schedule and policy."""


@pytest.mark.parametrize("name", ENTRIES)
def test_the_space_surrounds_the_defaults_and_leaves_out_what_methods_share(name):
    module, _, method = ENTRIES[name].target.partition(":")
    config = getattr(importlib.import_module(module), method).Config()
    assert "learning_rate" in config.SEARCH
    for setting, where in config.SEARCH.items():
        assert getattr(config, setting) in where
        assert setting not in SHARED
