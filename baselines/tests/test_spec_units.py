"""What a network is shown of a spec: a factor, and the units, of every method that reads one."""

import numpy as np
import pytest
from hyperbench_baselines.common.config import EmbeddingConfig
from hyperbench_baselines.conditional import Conditional, ConditionalConfig

from hyperbench.registry import installed
from hyperbench.task import Feature, SpecSpace
from hyperbench.testing import line_demonstrations

SPACE = SpecSpace(
    (
        Feature("stiffness", 500.0, 1500.0, "N/m", "object"),
        Feature("angle", 0.0, 360.0, "deg", "goal", "circle"),
        Feature.of_categories("colour", ["red", "blue"], "object"),
    )
)
TASK = SPACE.task("a/b-v1", stiffness=1250.0, angle=90.0, colour="blue")
EMBEDDING = {
    *("hypogen", "hyperzero", "conditional", "uvfa", "film", "bias-hyperinit"),
    *("decision-adapter", "hypogen-finetuned", "conditional-finetuned"),
}


def test_a_spec_is_shown_scaled_or_raw_and_with_a_factor():
    shown = EmbeddingConfig().present([TASK])
    np.testing.assert_array_equal(shown, [TASK.vector])
    np.testing.assert_allclose(shown, [[0.5, 0, 1, 0, 1]], atol=1e-7)
    raw = EmbeddingConfig(spec_units="raw").present([TASK])
    np.testing.assert_allclose(raw, [[1250, 0, 1, 0, 1]], atol=1e-7)
    np.testing.assert_allclose(EmbeddingConfig(spec_scale=10.0).present([TASK]), 10 * shown)
    assert raw.dtype == shown.dtype == np.float32


@pytest.mark.parametrize("method", sorted(installed().methods))
def test_a_default_that_is_another_than_it_was_is_in_records(method):
    """What stands in a record where nothing is said must never come to mean another number."""
    config, first = installed().method_class(method).Config(), EmbeddingConfig()
    said = config.model_dump(mode="json")
    for field in ("spec_scale", "spec_units", "weight_decay"):
        if field in type(config).model_fields:
            assert (field in said) == (getattr(config, field) != getattr(first, field))


def test_every_method_that_reads_a_spec_has_both():
    registry = installed()
    having = set()
    for name in registry.methods:
        config = registry.method_class(name).Config
        if "spec_scale" not in config.model_fields:
            continue
        having.add(name)
        assert {"spec_scale", "spec_units"} <= config.SEARCH.keys()
        said = config(spec_scale=3.0)
        assert said.model_dump(mode="json")["spec_scale"] == 3.0
        assert config.model_validate(said.model_dump(mode="json")) == said
    assert having >= EMBEDDING
    assert not having & {"spec-blind", "interpolation", "nearest-clone", "maml", "pearl"}


@pytest.mark.parametrize("settings", [{"spec_scale": 5.0}, {"spec_units": "raw"}])
def test_fit_generate_and_load_show_a_spec_alike(settings, tmp_path):
    demonstrations = line_demonstrations()
    small = {"num_steps": 20, "policy_width": 8, "embedding_width": 16}
    first = ConditionalConfig(**small)
    found = {}
    for name, config in (("first", first), ("other", ConditionalConfig(**small, **settings))):
        method = Conditional(config)
        method.fit(demonstrations, validation=demonstrations, seed=0)
        found[name] = method.generate(demonstrations.specs).to_arrays()[0]
    method.save(tmp_path)
    again = Conditional()
    again.load(tmp_path)
    loaded = again.generate(demonstrations.specs).to_arrays()[0]
    for name, array in loaded.items():
        np.testing.assert_array_equal(array, found["other"][name])
    assert any((array != found["first"][name]).any() for name, array in loaded.items())
