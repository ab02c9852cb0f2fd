"""Demonstrations on demand: played once, whoever needs them, killed or not."""

import json
import multiprocessing
import os
import queue
import random
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from hyperbench import files
from hyperbench.events import DEMONSTRATING, WAITING, ignore
from hyperbench.executors import Site
from hyperbench.measuring.dataset import dataset, load, prepare
from hyperbench.measuring.locks import lock_path, locked
from hyperbench.measuring.manifest import MANIFEST
from hyperbench.measuring.preparing import demonstrations_of
from hyperbench.registry import installed
from hyperbench.testing import LineFamily

FAMILY = LineFamily()


CONTEXT = multiprocessing.get_context("spawn")


def ensured(found, tasks, notify=ignore):
    site = Site(found.folder, found.folder)
    return demonstrations_of(FAMILY, tasks, found, "code", site, notify, "a run")


def keys(tasks):
    return [task.key for task in tasks]


def there(found):
    return list(json.loads((found.folder / MANIFEST).read_text())["tasks"])


def test_only_what_is_missing_is_played(tmp_path, monkeypatch):
    played, told = [], []
    demonstrators = LineFamily.demonstrators

    def watched(self, tasks):
        played.append(keys(tasks))
        return demonstrators(self, tasks)

    monkeypatch.setattr(LineFamily, "demonstrators", watched)
    found = dataset(FAMILY, 2, tmp_path)
    ensured(found, FAMILY.tasks[1:3], told.append)
    assert {(event.run, event.stage, event.message) for event in told} == {
        ("a run", DEMONSTRATING, "")
    }
    told.clear()
    shown, problem = ensured(found, FAMILY.tasks[:3][::-1], told.append)
    assert (shown.specs, problem) == (FAMILY.tasks[:3][::-1], "missing")
    assert played == [keys(FAMILY.tasks[1:3]), keys(FAMILY.tasks[:1])]
    assert there(found) == keys(FAMILY.tasks[:3])
    told.clear()
    assert ensured(found, FAMILY.tasks[:2], told.append)[1] is None
    assert told == []


def test_where_all_is_there_nothing_need_be_written(tmp_path, monkeypatch):
    found = dataset(FAMILY, 1, tmp_path)
    prepare(FAMILY, found, "code")
    monkeypatch.setattr("hyperbench.measuring.preparing.awaited", lambda *_: 1 / 0)
    assert ensured(found, FAMILY.tasks)[1] is None


def test_damage_is_mended_and_told_to_whoever_watches(tmp_path):
    found = dataset(FAMILY, 1, tmp_path)
    ensured(found, FAMILY.tasks[:3])
    path = next((found.folder / "data").glob("*.hdf5"))
    path.write_bytes(path.read_bytes()[:-1])
    told = []
    assert "corrupt: the checksum of" in ensured(found, FAMILY.tasks[1:2], told.append)[1]
    assert told[-1].status == "running"
    assert told[-1].message.startswith("Demonstrations of testing/line-v1 were corrupt: ")
    assert told[-1].message.endswith(" They were made again.")
    assert there(found) == keys(FAMILY.tasks[1:2])


def test_who_waits_for_another_says_so_and_takes_what_that_one_made(tmp_path, monkeypatch):
    found = dataset(FAMILY, 1, tmp_path)
    monkeypatch.setattr("hyperbench.measuring.locks.PATIENCE_SECONDS", 0.05)
    told, problems = queue.Queue(), []

    def wait():
        problems.append(ensured(found, FAMILY.tasks[:2], told.put)[1])

    with locked(lock_path(found.folder.parent, found.folder.name), "") as mine:
        assert mine
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert told.get(timeout=30).stage == WAITING
        prepare(FAMILY, found, "code", tasks=FAMILY.tasks[:2])
    waiting.join()
    assert problems == [None]
    assert {event.stage for event in told.queue} <= {WAITING}


@pytest.mark.thorough  # plays a few tasks of each family
@pytest.mark.parametrize("id_", sorted(installed().families))
def test_episodes_are_the_same_however_many_are_played_at_a_time(id_, tmp_path):
    family = installed().make_family(id_)
    family.info = replace(family.info, horizon=min(family.info.horizon, 30))
    tasks = [family.tasks[i] for i in np.linspace(0, len(family.tasks) - 1, 5).astype(int)]
    together, apart = (dataset(family, 2, tmp_path / name) for name in ("together", "apart"))
    prepare(family, together, tasks=tasks, num_threads=2)
    whole = load(family, together, tasks)
    for part in (tasks[3:], tasks[:1], tasks[1:3][::-1]):
        prepare(family, apart, tasks=part)
        for one, other in zip(
            load(family, apart, part).episodes, whole.select(part).episodes, strict=True
        ):
            for episode, same in zip(one, other, strict=True):
                for name, value in vars(same).items():
                    np.testing.assert_array_equal(getattr(episode, name), value)


def _needs(found, seed, swap):
    """Need some tasks, then others, for ever; end with 1 where they are not what they should be."""
    rng = random.Random(seed)
    if not swap:  # as where the file system cannot exchange folders
        files._exchange = lambda *_: False
    try:
        while True:
            tasks = rng.sample(FAMILY.tasks, rng.randint(1, 3))
            shown, problem = ensured(found, tasks)
            assert problem in (None, "missing"), problem
            assert shown.specs == tuple(tasks)
    except BaseException:
        os._exit(1)


@pytest.mark.thorough  # processes, for many seconds
@pytest.mark.parametrize("swap", [True, False])
def test_nobody_sees_half_a_dataset_whoever_adds_and_is_killed(tmp_path, swap):
    rng = random.Random(0)
    for attempt in range(2):
        found = dataset(FAMILY, 2, tmp_path / str(attempt))
        started = [
            CONTEXT.Process(target=_needs, args=(found, 10 * attempt + i, swap)) for i in range(4)
        ]
        for process in started:
            process.start()
        while not found.folder.exists():
            time.sleep(0.01)
        for process in started[:3]:
            time.sleep(rng.random())
            process.kill()
        time.sleep(1)
        assert started[3].exitcode is None
        for process in started:
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL
        shown, problem = ensured(found, FAMILY.tasks)
        assert problem in (None, "missing")
        assert len(shown.episodes) == len(FAMILY.tasks)
