"""Turn trained networks into the experts that are shipped with the package."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from hyperbench.errors import DataError
from hyperbench.files import sha256_file
from hyperbench_locomotion.bodies import BODIES
from hyperbench_locomotion.experts.networks import NUM_FEATURES, ExpertNetworks, expert_path
from hyperbench_locomotion.experts.settings import Settings
from hyperbench_locomotion.experts.train import latest_checkpoint, load_checkpoint
from hyperbench_locomotion.experts.training_env import varying_features
from hyperbench_locomotion.physics import Array

_LAYERS = ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net")


def export(folders: Sequence[Path], least_speed: float = 0.0) -> Path:
    """Write the networks of one body and suite, and how they were trained, into the package.

    Args:
        folders: of trainings; where the tasks of several overlap, the first one named plays.
        least_speed: targets slower than this are presented as this one, in their direction, or as
            the fastest one that a network was trained on.

    Returns:
        The safetensors file; its card lies beside it as JSON.

    Raises:
        DataError: a folder holds no training, or they are of different bodies or suites.
    """
    records = [_record(folder) for folder in folders]
    settings = [Settings(**record["settings"]) for record in records]
    names = {(each.suite, each.body) for each in settings}
    if len(names) != 1:
        raise DataError(f"These trainings are of different bodies or suites: {sorted(names)}.")
    body = BODIES[settings[0].body]
    networks = [
        _network(folder, each, body.observation_size)
        for folder, each in zip(folders, settings, strict=True)
    ]
    low, high = body.spec_bounds()
    tasks = [each.tasks()[0] for each in settings]
    experts = ExpertNetworks(
        weights=tuple(np.stack(layer) for layer in zip(*(w for w, _ in networks), strict=True)),
        biases=tuple(np.stack(layer) for layer in zip(*(b for _, b in networks), strict=True)),
        spec_low=low,
        spec_high=high,
        regions=np.array([np.stack([t.min(axis=0), t.max(axis=0)], axis=1) for t in tasks]),
        least_speed=np.array([min(least_speed, np.abs(t[:, 0]).max()) for t in tasks]),
    )
    path = expert_path(settings[0].suite, body.name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(experts.to_bytes())
    card = {"sha256": sha256_file(path), "least_speed": least_speed, "trainings": records}
    path.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    print(f"{path}: {len(folders)} networks, {path.stat().st_size} bytes")
    return path


def _record(folder: Path) -> dict[str, object]:
    path = folder / "training.json"
    if not path.exists():
        raise DataError(f"{folder} holds no training: there is no {path.name}.")
    record: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return record


def _network(
    folder: Path, settings: Settings, observation_size: int
) -> tuple[list[Array], list[Array]]:
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None:
        raise DataError(f"{folder} holds no checkpoint.")
    return folded_network(*load_checkpoint(checkpoint), settings, observation_size)


def folded_network(
    model: PPO, normalizer: VecNormalize, settings: Settings, observation_size: int
) -> tuple[list[Array], list[Array]]:
    """A model's policy, with its observation normalisation folded into the first layer.

    Args:
        model: as trained.
        normalizer: of its observations.
        settings: that it was trained with.
        observation_size: of the body, without the features that follow.

    Returns:
        Weights (num_in, num_out) and biases (num_out,) of each layer; the first one's inputs are
        the observation, then ``NUM_FEATURES`` features.
    """
    parameters = {name: value.double().numpy() for name, value in model.policy.state_dict().items()}
    weights = [parameters[f"{layer}.weight"].T for layer in _LAYERS]
    biases = [parameters[f"{layer}.bias"] for layer in _LAYERS]
    # Stable-Baselines3 also clips normalised observations at 10; in evaluations none came near.
    std = np.sqrt(normalizer.obs_rms.var + normalizer.epsilon)
    weights[0] = weights[0] / std[:, None]
    biases[0] = biases[0] - normalizer.obs_rms.mean @ weights[0]
    # A feature that did not vary in training is not an input of the network: it gets zero weights.
    features = np.zeros((NUM_FEATURES, weights[0].shape[1]))
    features[varying_features(settings.tasks()[0])] = weights[0][observation_size:]
    weights[0] = np.vstack([weights[0][:observation_size], features])
    return weights, biases
