"""A method whose fit goes on after it was killed, and others that only say so."""

from __future__ import annotations

import numpy as np

from hyperbench.generator import FitReport, FitState, no_checkpoint, no_progress
from hyperbench.testing.method_resume import check_fit_resumes

from .fakes_random_features import RandomFeatures

_NUM_STEPS = 12


class Stepwise(RandomFeatures):
    """Random features whose last layer is found by steps with momentum, on batches of samples.

    The weights of the step with the lowest error on the validation tasks are kept.
    """

    resumable = True

    def fit(
        self,
        demonstrations,
        *,
        validation,
        seed,
        device="cpu",
        progress=no_progress,
        checkpoint=no_checkpoint,
    ):
        report = super().fit(
            demonstrations, validation=validation, seed=seed, progress=lambda *_: None
        )
        self.x, self.y = self._hidden(demonstrations)
        held_out = None if validation is None else self._hidden(validation)
        self.last, self.momentum = np.zeros((2, *self.fitted["last"].shape))
        self.batches = np.random.default_rng(seed)
        self.step, self.curve, self.best = 0, [], None
        found = checkpoint.restore()
        if found is not None:
            self.restore(found)
        while self.step < _NUM_STEPS:
            loss = self.descend()
            error = None if held_out is None else self._error(*held_out)
            self.curve.append((self.step, loss, error))
            if error is not None and (self.best is None or error < self.best[0]):
                self.best = (error, self.step, self.last.copy())
            progress(self.step, _NUM_STEPS, loss)
            checkpoint.offer(self.state)
        chosen = (None, self.step, self.last) if self.best is None else self.best
        self.fitted["last"] = chosen[2].astype(np.float32)
        return FitReport(_NUM_STEPS, chosen[1], loss, report.num_parameters, tuple(self.curve))

    def descend(self):
        rows = self.batches.integers(len(self.x), size=32)
        x, y = self.x[rows], self.y[rows]
        error = x @ self.last - y
        # Steps so long that the error rises and falls: the last step is not the best.
        self.momentum = 0.9 * self.momentum - 0.1 * x.T @ error / len(rows)
        self.last = self.last + self.momentum
        self.step += 1
        return float(np.square(error).mean())

    def _hidden(self, demonstrations):
        x, y = self.training_data(demonstrations)
        weight = np.concatenate([self.fitted["weight"], self.fitted["spec_weight"]])
        low, high = demonstrations.action_low, demonstrations.action_high
        return np.tanh(x @ weight + self.fitted["bias"]), 2 * (y - low) / (high - low) - 1

    def _error(self, x, y):
        return float(np.square(x @ self.last - y).mean())

    def state(self):
        """All that ``restore`` needs."""
        arrays = {"last": self.last, "momentum": self.momentum}
        if self.best is not None:
            arrays["best"] = self.best[2]
        rest = {
            "step": self.step,
            "curve": self.curve,
            "best": None if self.best is None else self.best[:2],
            "batches": self.batches.bit_generator.state,
        }
        return FitState(arrays, rest)

    def restore(self, found):
        """Go back to where ``found`` was made."""
        self.last, self.momentum = found.arrays["last"], found.arrays["momentum"]
        self.step = found.json["step"]
        self.curve = [tuple(point) for point in found.json["curve"]]
        self.best = found.json["best"] and (*found.json["best"], found.arrays["best"])
        self.batches.bit_generator.state = found.json["batches"]


def forgets(*names):
    """A method that leaves some of its attributes as they are at the start of a fit."""

    class Broken(Stepwise):
        def restore(self, found):
            kept = {name: getattr(self, name) for name in names}
            super().restore(found)
            vars(self).update(kept)

    return Broken


class ForgetsBatches(Stepwise):
    def restore(self, found):
        at_the_start = self.batches.bit_generator.state
        super().restore(found)
        self.batches.bit_generator.state = at_the_start


class StartsAgain(Stepwise):
    def restore(self, found):
        pass


class DrawsForItsState(Stepwise):
    def state(self):
        self.batches.random()
        return super().state()


def with_checkpoint(change):
    """A method that sees ``change(checkpoint)`` in place of the checkpoint."""

    class Broken(Stepwise):
        def fit(self, *args, checkpoint=no_checkpoint, **kwargs):
            return super().fit(*args, checkpoint=change(checkpoint), **kwargs)

    return Broken


class _OfWhich:
    """A checkpoint of which a method uses one half."""

    def __init__(self, checkpoint, half):
        setattr(self, half, getattr(checkpoint, half))

    def restore(self):
        return None

    def offer(self, make_state):
        pass


class TakesNone(RandomFeatures):
    resumable = True


BROKEN_RESUMABLE = {
    "forgets its batches": (check_fit_resumes, ForgetsBatches, "killed and went on"),
    "forgets its momentum": (check_fit_resumes, forgets("momentum"), "killed and went on"),
    "forgets its weights": (check_fit_resumes, forgets("last"), "killed and went on"),
    "forgets the best": (check_fit_resumes, forgets("best"), "killed and went on"),
    "forgets its curve": (check_fit_resumes, forgets("curve"), "killed and went on"),
    "starts again": (check_fit_resumes, StartsAgain, "12 more offers of 12 in all, when 11 were"),
    "draws for its state": (check_fit_resumes, DrawsForItsState, "some of its states are kept"),
    "never asks": (
        check_fit_resumes,
        with_checkpoint(lambda checkpoint: _OfWhich(checkpoint, "offer")),
        "no restore, 12 offers",
    ),
    "never offers": (
        check_fit_resumes,
        with_checkpoint(lambda checkpoint: _OfWhich(checkpoint, "restore")),
        "restore, 0 offers",
    ),
    "takes no checkpoint": (check_fit_resumes, TakesNone, "must take a checkpoint"),
}
"""What is broken, as in ``fakes_methods``."""
