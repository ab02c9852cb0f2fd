"""dm_control's own bodies with the published length edits, for the tests to compare with."""

from types import SimpleNamespace

import numpy as np
import pytest
from hyperbench_locomotion.plugin import FAMILIES


def pytest_generate_tests(metafunc):
    """Give a test that plays long episodes of experts the families, as ``played_entry``.

    A body's families of a suite share one network and one simulation: by default those are played
    in which both features vary, and of the walker, which is slow, those of one suite.
    """
    if "played_entry" in metafunc.fixturenames:
        left_out = {"suite": "tracking", "body": "walker"}
        params = [
            pytest.param(
                entry,
                marks=()
                if len(entry.arguments["features"]) > 1
                and left_out.items() - entry.arguments.items()
                else pytest.mark.thorough,
                id=entry.id,
            )
            for entry in FAMILIES
        ]
        metafunc.parametrize("played_entry", params)


NUM_SUBSTEPS = {"cheetah": 1, "walker": 10, "finger": 2}


def edits(name, length):
    """What HyperZero replaces in dm_control's XML files: (old, new) pieces of text."""
    return {
        "cheetah": [
            ('fromto="-.5 0 0 .5 0 0"', f'fromto="-{length} 0 0 {length} 0 0"'),
            ('pos=".6 0 .1"', f'pos="{length + 0.1} 0 0.1"'),
            ('name="bthigh" pos="-.5 0 0"', f'name="bthigh" pos="-{length} 0 0"'),
            ('name="fthigh" pos=".5 0 0"', f'name="fthigh" pos="{length} 0 0"'),
        ],
        "walker": [('size="0.07 0.3"', f'size="0.07 {length}"')],
        "finger": [
            ('fromto="0 0 0 0 0 -.16"', f'fromto="0 0 0 0 0 -{length}"'),
            ('fromto="0 0 -.13 0 0 -.161"', f'fromto="0 0 -{length - 0.03} 0 0 -{length + 0.001}"'),
            ('name="spinner" pos=".2 0 .4"', f'name="spinner" pos="{length + 0.04} 0 0.4"'),
            ('name="cap1" type="capsule" size=".04 .09"', f'name="cap1" {cap(length)}'),
            ('name="cap2" type="capsule" size=".04 .09"', f'name="cap2" {cap(length)}'),
        ],
    }[name]


def cap(length):
    return f'type="capsule" size="0.04 {length - 0.07}"'


@pytest.fixture
def dm_control(monkeypatch):
    """What the tests need of dm_control: edited models, environments, and its tolerance."""
    # dm_control looks for OpenGL when it is imported; nothing is drawn here.
    monkeypatch.setenv("MUJOCO_GL", "disabled")
    pytest.importorskip("dm_control", reason="parity needs dm_control, which Python 3.13 has not")
    from dm_control.rl import control
    from dm_control.suite import cheetah, common, finger, walker
    from dm_control.utils.rewards import tolerance

    def physics(name, length):
        """dm_control's physics; None leaves its XML file as it is."""
        xml = common.read_model(f"{name}.xml")
        xml = xml.decode() if isinstance(xml, bytes) else xml
        for old, new in edits(name, length) if length is not None else ():
            assert xml.count(old) == 1, old
            xml = xml.replace(old, new)
        domain = {"cheetah": cheetah, "walker": walker, "finger": finger}[name]
        return domain.Physics.from_xml_string(xml, common.ASSETS)

    def environment(name, length, seed):
        """dm_control's environment of the published task on the edited body, without an end."""
        task = {
            "cheetah": lambda: cheetah.Cheetah(random=seed),
            "walker": lambda: walker.PlanarWalker(move_speed=8, random=seed),
            "finger": lambda: finger.Spin(random=seed),
        }[name]()
        return control.Environment(
            physics(name, length),
            task,
            time_limit=float("inf"),
            n_sub_steps=NUM_SUBSTEPS[name],
        )

    def observation(time_step):
        return np.concatenate([np.ravel(value) for value in time_step.observation.values()])

    return SimpleNamespace(
        physics=physics, environment=environment, observation=observation, tolerance=tolerance
    )
