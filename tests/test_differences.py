"""How much demonstrators of neighbouring tasks differ, as a number."""

import numpy as np
import pytest

from hyperbench.policy import MLPPolicies
from hyperbench.testing import LineFamily, demonstrator_difference


class Shifted(LineFamily):
    """Every second task's demonstrator does the opposite at full strength; the others nothing."""

    def demonstrators(self, tasks):
        width, depth = self.observation_space.shape[0], self.action_space.shape[0]
        places = [self.tasks.index(task) for task in tasks]
        high = self.action_space.high.astype(np.float32)
        return MLPPolicies(
            (np.zeros((len(tasks), width, depth), np.float32),),
            (np.array([high * (place % 2) for place in places], np.float32),),
            np.zeros(width, np.float32),
            np.ones(width, np.float32),
            self.action_space.low.astype(np.float32),
            high,
            squash="clip",
        )


class Alike(Shifted):
    def demonstrators(self, tasks):
        return super().demonstrators([self.tasks[0]] * len(tasks))


class Shown(LineFamily):
    def demonstrators(self, tasks):
        policies = super().demonstrators(tasks)
        object.__setattr__(policies, "info_key", "secret")
        return policies


def test_it_is_the_distance_of_neighbours_actions():
    # Half of the range apart, in units in which the range is 2.
    assert demonstrator_difference(Shifted()) == pytest.approx(1)
    assert demonstrator_difference(Alike()) == 0
    assert 0 < demonstrator_difference(LineFamily()) < 1


def test_who_sees_more_than_observations_cannot_be_compared():
    with pytest.raises(ValueError, match="see more than observations"):
        demonstrator_difference(Shown())
