"""Linear policies by ridge regression of the expert's action on observation and spec."""

import numpy as np
from safetensors.numpy import load_file, save_file

from hyperbench.errors import DataError, NotFittedError
from hyperbench.generator import FitReport, MethodConfig, PolicyGenerator, no_progress
from hyperbench.policy import MLPPolicies


class Ridge(PolicyGenerator):
    """One linear map for all tasks; the spec moves its constant term."""

    class Config(MethodConfig):
        """Settings of Ridge."""

        penalty: float = 1e-3
        """How strongly large coefficients are held back, per demonstrated step."""

    def __init__(self, config=None):
        super().__init__(config)
        self.fitted = {}

    def fit(self, demonstrations, *, validation, seed, device="cpu", progress=no_progress):
        """Solve one linear system; there is nothing random and nothing to stop early."""
        low, high = demonstrations.action_low, demonstrations.action_high
        observations, specs, actions = [], [], []
        for i, spec in enumerate(demonstrations.specs):
            observations.append(demonstrations.observations(i))
            specs.append(np.tile(spec.vector, (len(observations[-1]), 1)))
            actions.append(demonstrations.actions(i))
        seen = np.concatenate(observations)
        mean, std = seen.mean(axis=0), seen.std(axis=0) + 1e-6
        target = 2 * (np.concatenate(actions) - low) / (high - low) - 1
        inputs = np.hstack([(seen - mean) / std, np.concatenate(specs), np.ones((len(seen), 1))])
        gram = inputs.T @ inputs + self.config.penalty * len(inputs) * np.eye(inputs.shape[1])
        solution = np.linalg.solve(gram, inputs.T @ target)
        arrays = {"solution": solution, "mean": mean, "std": std, "low": low, "high": high}
        self.fitted = {name: array.astype(np.float32) for name, array in arrays.items()}
        loss = float(np.mean((inputs @ solution - target) ** 2))
        progress(1, 1, loss)
        return FitReport(num_steps=1, chosen_step=1, final_loss=loss, num_parameters=solution.size)

    def generate(self, specs, support=None):
        """Put the spec into the constant term."""
        if not self.fitted:
            raise NotFittedError(self)
        solution, num_obs = self.fitted["solution"], len(self.fitted["mean"])
        biases = [solution[-1] + spec.vector @ solution[num_obs:-1] for spec in specs]
        return MLPPolicies(
            weights=(np.stack([solution[:num_obs]] * len(specs)),),
            biases=(np.stack(biases),),
            observation_mean=self.fitted["mean"],
            observation_std=self.fitted["std"],
            action_low=self.fitted["low"],
            action_high=self.fitted["high"],
            squash="clip",
        )

    def save(self, path):
        """Write ``ridge.safetensors``."""
        save_file(self.fitted, path / "ridge.safetensors")

    def load(self, path):
        """Read ``ridge.safetensors``."""
        if not (path / "ridge.safetensors").exists():
            raise DataError(f"{path} holds no ridge.safetensors. Give the folder that save wrote.")
        self.fitted = load_file(path / "ridge.safetensors")
