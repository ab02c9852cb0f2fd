"""Families unlike the shipped ones are measured, left out or refused, each by its name."""

import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from gymnasium import spaces
from hyperbench_baselines.common.normalizer import Normalizer
from hyperbench_baselines.conditional import Conditional
from hyperbench_baselines.hypogen import Hypogen

from hyperbench.demonstration import Demonstrations
from hyperbench.errors import PluginError
from hyperbench.hookspecs import FamilyEntry, SuiteEntry, hookimpl
from hyperbench.measuring.cloning import cloning_losses
from hyperbench.measuring.plan import plan
from hyperbench.protocol import PROTOCOLS
from hyperbench.registry import PluginSource, Registry
from hyperbench.testing import LineFamily, line_demonstrations

QUICK = PROTOCOLS["quick-v1"]


class Few(LineFamily):
    """Two tasks: no source, validation and target."""

    info = replace(LineFamily.info, id="testing/few-v1")
    tasks = LineFamily.tasks[:2]


@pytest.fixture
def make_registry(monkeypatch):
    """Make the registry of one suite, ``testing``, of the given families."""

    def make(*families):
        door = ModuleType("door_of_unlike_families")
        entries = []
        for i, family in enumerate(families):
            setattr(door, f"Family{i}", family)
            entries.append(FamilyEntry(family.info.id, f"{door.__name__}:Family{i}", "a fake"))
        suite = SuiteEntry("testing", [entry.id for entry in entries], "fakes")

        @hookimpl
        def hyperbench_families():
            return entries

        @hookimpl
        def hyperbench_suites():
            return [suite]

        door.hyperbench_families, door.hyperbench_suites = hyperbench_families, hyperbench_suites
        monkeypatch.setitem(sys.modules, door.__name__, door)
        return Registry([PluginSource("testing", "testing", "1", lambda: door)])

    return make


def test_a_family_that_cannot_be_split_does_not_end_the_suite(make_registry):
    registry, told = make_registry(Few, LineFamily), []
    runs = plan(registry, ["expert"], "testing", QUICK, notify=told.append)
    assert {run.family for run in runs} == {"testing/line-v1"}
    (event,) = told
    assert event.run == "testing/few-v1"
    assert event.message == "Protocol quick-v1 needs at least 3 tasks, found 2."


def test_where_no_family_can_be_split_each_is_named(make_registry):
    with pytest.raises(PluginError, match=r"testing/few-v1: .* at least 3 tasks, found 2"):
        plan(make_registry(Few), ["expert"], "testing", QUICK)


@pytest.mark.parametrize("space", [spaces.Discrete(3), spaces.Dict({"a": spaces.Discrete(2)})])
@pytest.mark.parametrize("name", ["observation_space", "action_space"])
def test_a_space_that_is_no_flat_box_is_named(make_registry, name, space):
    strange = type("Strange", (LineFamily,), {name: space})
    with pytest.raises(PluginError, match=f"'testing/line-v1': {name} must be a flat .*Box, it is"):
        make_registry(strange).make_family("testing/line-v1")


@pytest.fixture(scope="module")
def locked():
    """The line's demonstrations with a second action whose bounds are equal."""
    line = line_demonstrations()
    rows = tuple(
        tuple(
            replace(episode, actions=np.pad(episode.actions, ((0, 0), (0, 1)), constant_values=0.5))
            for episode in row
        )
        for row in line.episodes
    )
    bounds = (np.append(bound, np.float32(0.5)) for bound in (line.action_low, line.action_high))
    return Demonstrations(line.specs, rows, *bounds)


def test_an_action_with_equal_bounds_has_nothing_to_learn(locked):
    raw = locked.episodes[0][0].actions
    scaled = Normalizer.of(locked).actions(raw)
    line = line_demonstrations()
    np.testing.assert_array_equal(scaled[:, :1], Normalizer.of(line).actions(raw[:, :1]))
    assert not scaled[:, 1].any()


@pytest.mark.parametrize("method", [Conditional, Hypogen])
def test_methods_learn_beside_a_locked_action(method, locked):
    generator = method(method.Config(num_steps=3))
    report = generator.fit(locked, validation=None, seed=0)
    assert np.isfinite(report.final_loss)
    policies = generator.generate(locked.specs)
    actions = policies.act(np.zeros((len(locked.specs), 1, 2), np.float32))
    np.testing.assert_array_equal(actions[..., 1], 0.5)
    assert np.isfinite(cloning_losses(policies, locked)).all()
