"""Turns: who plays what, in which simulation and on which thread."""

import threading
from itertools import count

import mujoco
import numpy as np
import pytest
from hyperbench_mujoco.turns import CARRIED, Turns

EVERY = np.arange(7)


def played(turns, chosen=EVERY, **arguments):
    """By simulation the environments it played, and the threads that did."""
    parts, threads = {}, set()

    def step(simulation, indices):
        assert simulation not in parts, "a simulation is used by two threads"
        parts[simulation] = indices
        threads.add(threading.current_thread())

    turns.take(step, chosen, **arguments)
    return parts, threads


@pytest.mark.parametrize("num_threads", [1, 2, 3, 9])
def test_each_environment_takes_one_turn(num_threads):
    numbers = count()
    turns = Turns(lambda: next(numbers), len(EVERY), num_threads)
    assert turns.simulations == list(range(min(num_threads, len(EVERY))))
    for chosen in (EVERY, EVERY[2:5], EVERY[:0]):
        parts, _ = played(turns, chosen)
        assert [i for number in sorted(parts) for i in parts[number]] == chosen.tolist()
    turns.close()


def test_too_little_work_stays_on_the_callers_thread():
    turns = Turns(object, len(EVERY), 2)
    parts, threads = played(turns, shared=False)
    assert parts == {turns.simulations[0]: EVERY.tolist()}
    assert threads == {threading.current_thread()}
    assert threading.current_thread() not in played(turns)[1]
    turns.close()


@pytest.mark.parametrize("num_threads", [0, 1, 2])
def test_what_a_step_raises_is_raised(num_threads):
    def step(simulation, indices):
        raise FloatingPointError("the ball is gone")

    turns = Turns(object, len(EVERY), num_threads)
    with pytest.raises(FloatingPointError, match="the ball is gone"):
        turns.take(step, EVERY)
    turns.close()


def test_a_step_needs_no_more_than_what_is_carried():
    model = mujoco.MjModel.from_xml_string(
        "<mujoco><worldbody><geom type='plane' size='1 1 1'/><body pos='0 0 0.15'><freejoint/>"
        "<geom size='0.1 0.1 0.1' type='box'/></body></worldbody></mujoco>"
    )
    alone, swapped = mujoco.MjData(model), mujoco.MjData(model)
    mujoco.mj_step(model, alone, 100)
    state = np.empty(mujoco.mj_stateSize(model, CARRIED))
    mujoco.mj_getState(model, alone, state, CARRIED)
    assert (state[: model.nq] == alone.qpos).all()
    assert (state[model.nq : model.nq + model.nv] == alone.qvel).all()
    mujoco.mj_setState(model, swapped, state, CARRIED)
    for data in (alone, swapped):
        mujoco.mj_step(model, data, 100)
    assert (alone.qpos == swapped.qpos).all()
    assert (alone.qacc_warmstart == swapped.qacc_warmstart).all()
