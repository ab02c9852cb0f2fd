"""Our own models are dm_control's in every number that decides physics."""

import subprocess
import sys

import mujoco
import numpy as np
import pytest
from hyperbench_locomotion.bodies import BODIES

LENGTHS = {
    "cheetah": (None, 0.3, 0.41, 0.5, 0.67, 0.7),
    "walker": (None, 0.1, 0.23, 0.3, 0.49, 0.5),
    "finger": (None, 0.1, 0.16, 0.29, 0.4),
}
PHYSICAL = ("body_", "jnt_", "dof_", "geom_", "actuator_", "qpos", "pair_", "exclude_", "eq_")
LOOKS = ("geom_rgba", "geom_matid", "geom_group", "body_bvhadr")
SIZES = ("nq", "nv", "nu", "na", "nbody", "njnt", "ngeom", "nM", "npair", "nexclude", "neq")


@pytest.mark.parametrize(
    ("name", "length"), [(name, length) for name, some in LENGTHS.items() for length in some]
)
def test_model_is_dm_controls(dm_control, name, length):
    theirs = dm_control.physics(name, length).model.ptr
    ours = BODIES[name].model(length)
    for size in SIZES:
        assert getattr(ours, size) == getattr(theirs, size), size
    if name == "finger":
        theirs.dof_damping[2] = 0.03  # as the task "spin" sets it at every reset
    # The floors differ in where they lie and how much of them is drawn, which contacts ignore.
    floor = theirs.geom_type == mujoco.mjtGeom.mjGEOM_PLANE
    assert floor.tolist() == [True] + [False] * (theirs.ngeom - 1)
    for model in (ours, theirs):
        assert model.geom_pos[0, 2] == 0
        model.geom_pos[0] = model.geom_size[0] = model.geom_aabb[0] = model.geom_sameframe[0] = 0
    compared = [
        field
        for field in dir(theirs)
        if field.startswith(PHYSICAL)
        and field not in LOOKS
        and isinstance(getattr(theirs, field), np.ndarray)
    ]
    assert len(compared) > 90
    for field in compared:
        found, expected = getattr(ours, field), getattr(theirs, field)
        np.testing.assert_array_equal(found, expected, err_msg=field)
    for option in (field for field in dir(theirs.opt) if not field.startswith("_")):
        found, expected = getattr(ours.opt, option), getattr(theirs.opt, option)
        np.testing.assert_array_equal(found, expected, err_msg=option)
    assert ours.stat.meaninertia == theirs.stat.meaninertia
    for sensor in range(ours.nsensor):
        _same_sensor(ours, theirs, sensor)


def _same_sensor(ours, theirs, index):
    """Find our sensor among theirs: the same type, on the same body or site."""
    same = (theirs.sensor_type == ours.sensor_type[index]).nonzero()[0]
    if ours.sensor_objtype[index] != mujoco.mjtObj.mjOBJ_SITE:
        assert ours.sensor_objid[index] in theirs.sensor_objid[same]
        return
    site = ours.site(ours.sensor_objid[index])
    their_site = theirs.site(site.name)
    assert their_site.id in theirs.sensor_objid[same]
    for field in ("bodyid", "pos", "quat", "size", "type"):
        np.testing.assert_array_equal(getattr(site, field), getattr(their_site, field))


@pytest.mark.parametrize("name", BODIES)
def test_length_changes_the_body(name):
    body = BODIES[name]
    short, nominal, long = (
        body.model(v) for v in (body.length_range[0], None, body.length_range[1])
    )
    assert not np.array_equal(short.geom_size, long.geom_size)
    np.testing.assert_array_equal(nominal.geom_size, body.model(body.nominal_length).geom_size)
    masses = [model.body_mass.sum() for model in (short, nominal, long)]
    if name == "cheetah":
        np.testing.assert_allclose(masses, 14.0)
    else:
        assert masses == sorted(masses)
        assert masses[0] < masses[-1]


def test_package_runs_without_dm_control():
    code = (
        "import sys; sys.modules['dm_control'] = None\n"
        "from hyperbench_locomotion.families import LocomotionFamily\n"
        "family = LocomotionFamily('locomotion', 'cheetah', ('speed',))\n"
        "family.make(family.tasks[0]).reset(seed=0)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
