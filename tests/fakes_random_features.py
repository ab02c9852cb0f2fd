"""A method in sixty lines that keeps its contract, and two variants whose runs are special."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from safetensors.numpy import load_file, save_file

from hyperbench.errors import DataError, NotFittedError
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator
from hyperbench.policy import MLPPolicies
from hyperbench.task import spec_matrix


class RandomFeatures(PolicyGenerator):
    """Random hidden units of (observation, spec), and a last layer fitted by ridge regression."""

    class Config(MethodConfig):
        num_hidden: int = 16
        """Hidden units of the generated policies."""

    def __init__(self, config=None):
        super().__init__(config)
        self.fitted = {}

    def rng(self, seed):
        return np.random.default_rng(seed)

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=None):
        x, y = self.training_data(demonstrations)
        rng, num_hidden = self.rng(seed), self.config.num_hidden
        shown_dim = demonstrations.specs[0].space.shown_dim
        num_in = demonstrations.observation_dim
        low, high = demonstrations.action_low, demonstrations.action_high
        spread = x.std(axis=0) + 1e-3
        weight = rng.normal(size=(x.shape[1], num_hidden)) / spread[:, None]
        bias = rng.normal(size=num_hidden)
        hidden = np.tanh(x @ weight + bias)
        target = 2 * (y - low) / (high - low) - 1
        gram = hidden.T @ hidden + 0.1 * np.eye(num_hidden)
        last = np.linalg.solve(gram, hidden.T @ target)
        error = float(np.square(hidden @ last - target).mean())
        self.fitted = {
            "weight": weight[:num_in].astype(np.float32),
            "spec_weight": weight[num_in:].astype(np.float32),
            "bias": bias.astype(np.float32),
            "last": last.astype(np.float32),
            "low": low,
            "high": high,
        }
        assert self.fitted["spec_weight"].shape == (shown_dim, num_hidden)
        progress(1, 1, error)
        return FitReport(1, 1, error, weight.size + bias.size + last.size, ((1, error, None),))

    def training_data(self, demonstrations):
        """Observation and spec side by side, and actions."""
        tasks = range(demonstrations.num_tasks)
        observations = [demonstrations.observations(i) for i in tasks]
        vectors = [spec.vector for spec in demonstrations.specs]
        x = np.concatenate(
            [
                np.concatenate([seen, np.tile(vector, (len(seen), 1))], axis=1)
                for seen, vector in zip(observations, vectors, strict=True)
            ]
        )
        return x, np.concatenate([demonstrations.actions(i) for i in tasks])

    def generate(self, specs, support=None):
        if not self.fitted:
            raise NotFittedError(self)
        fitted, num_tasks = self.fitted, len(specs)
        # One row at a time: a batched product may round differently with the size of the batch.
        biases = [fitted["bias"] + vector @ fitted["spec_weight"] for vector in spec_matrix(specs)]
        num_in, num_out = len(fitted["weight"]), len(fitted["low"])
        return MLPPolicies(
            weights=tuple(
                np.repeat(fitted[n][None], num_tasks, axis=0) for n in ("weight", "last")
            ),
            biases=(np.stack(biases), np.zeros((num_tasks, num_out), np.float32)),
            observation_mean=np.zeros(num_in, np.float32),
            observation_std=np.ones(num_in, np.float32),
            action_low=fitted["low"],
            action_high=fitted["high"],
            activation="tanh",
            squash="clip",
        )

    def save(self, path):
        save_file(self.fitted, path / "weights.safetensors")

    def load(self, path):
        if not (path / "weights.safetensors").exists():
            raise DataError(f"{path} holds no weights.safetensors of RandomFeatures.")
        self.fitted = load_file(path / "weights.safetensors")


class Failing(RandomFeatures):
    """Its fit diverges."""

    def fit(self, demonstrations, **options):
        raise FloatingPointError("Training loss is nan at step 7.")


class Remembering(RandomFeatures):
    """Policies that are no stacked weights, and so are not stored."""

    def generate(self, specs, support=None):
        policies = super().generate(specs, support)
        return SimpleNamespace(num_tasks=policies.num_tasks, act=policies.act, reset=policies.reset)
