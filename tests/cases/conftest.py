"""Fixtures that several of the cases share."""

import numpy as np
import pytest

from hyperbench.records.store import write_record


@pytest.fixture
def stored(pointmass, make_table, make_record):
    """Write a run with episodes and policies below a folder; gives the run."""

    def write(runs, method="some-method", **fields):
        tasks = list(pointmass.tasks[:3])
        record = make_record(method, tasks=tasks, **fields)
        return write_record(
            runs, record, make_table(tasks, np.ones((3, 2))), pointmass.expert(tasks)
        )

    return write
