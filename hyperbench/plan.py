"""The plan: which runs a command means, as data, before anything is done."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hyperbench.collect import dataset
from hyperbench.errors import HyperbenchError, PluginError, UnknownNameError
from hyperbench.family import TaskFamily
from hyperbench.generator import MethodConfig
from hyperbench.protocol import EvalProtocol, SeedPair
from hyperbench.references import ARMS
from hyperbench.registry import Registry
from hyperbench.seeding import content_hash

DEVICES = ("cpu", "cuda")


@dataclass(frozen=True)
class Run:
    """One fit of one method, or one control arm, on one family under one pair of seeds.

    The unit of scheduling, caching and resuming; pure data, so that it can travel to any worker.

    Args:
        key: content hash of everything that decides the result.
        method: name of the method or arm.
        is_arm: whether it is a control arm.
        method_version: of the method; 0 for an arm.
        overrides: settings the user changed.
        config: all settings of the method, JSON-like.
        family: id.
        protocol: the rules.
        seeds: split and fit seed.
        device: ``"cpu"`` or ``"cuda"``.
        demonstrations: content hash of the demonstrations' identity.
    """

    key: str
    method: str
    is_arm: bool
    method_version: int
    overrides: Mapping[str, Any]
    config: Mapping[str, Any]
    family: str
    protocol: EvalProtocol
    seeds: SeedPair
    device: str
    demonstrations: str

    @property
    def label(self) -> str:
        """The run for people: method, family and seeds."""
        seeds = f"split {self.seeds.split}"
        if not self.is_arm:
            seeds += f", fit {self.seeds.fit}"
        return f"{method_label(self.method, self.overrides)} on {self.family} ({seeds})"


def method_label(method: str, overrides: Mapping[str, Any]) -> str:
    """A method's name on a board: with the settings that were changed, if any."""
    if not overrides:
        return method
    settings = ", ".join(f"{name}={value}" for name, value in sorted(overrides.items()))
    return f"{method} [{settings}]"


def plan(
    registry: Registry,
    methods: Sequence[str],
    suite: str,
    protocol: EvalProtocol,
    *,
    baselines: bool = True,
    settings: Sequence[str] = (),
    device: str = "cpu",
    data_dir: Path = Path(),
) -> list[Run]:
    """List the runs of a command: control arms, baselines and the methods asked for.

    Args:
        registry: resolves the names.
        methods: asked for.
        suite: a suite or a family.
        protocol: the rules and the seed pairs.
        baselines: whether to measure the registered baseline methods as well.
        settings: ``"name=value"`` for every method asked for, or ``"method.name=value"`` for one.
        device: for every method.
        data_dir: root of all demonstrations.

    Raises:
        HyperbenchError: an unknown name, or a setting that no method has.
    """
    families = [registry.make_family(entry.id) for entry in registry.select_families(suite)]
    for name in set(ARMS) & set(registry.methods):
        raise PluginError(f"Method {name!r} is called like a control arm. Uninstall or rename it.")
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    asked = list(dict.fromkeys(methods))
    for name in asked:
        if name not in ARMS:
            registry.method_entry(name)
    beside = [m.name for m in registry.methods.values() if m.baseline] if baselines else []
    chosen = [name for name in dict.fromkeys((*asked, *beside)) if name not in ARMS]
    overrides: dict[str, dict[str, str]] = {name: {} for name in chosen}
    overrides |= _overrides(settings, [name for name in asked if name in chosen])
    configs = {name: _config(registry, name, overrides[name]) for name in chosen}
    torch = sys.modules.get("torch")  # there once a method that needs it has been imported
    if device == "cuda" and torch is not None and not torch.cuda.is_available():
        raise HyperbenchError("Device 'cuda' was asked for, torch finds no GPU. Use --device cpu.")
    runs = []
    for family in families:
        demonstrations = dataset(family, protocol.num_demonstrations, data_dir).key
        for seeds in protocol.seeds:
            shared = (family, protocol, seeds, demonstrations)
            runs += [_run(arm, True, 0, {}, {}, "cpu", *shared) for arm in ARMS]
            runs += [
                _run(
                    name,
                    False,
                    registry.method_entry(name).version,
                    overrides[name],
                    configs[name].model_dump(mode="json"),
                    device,
                    *shared,
                )
                for name in chosen
            ]
    # Two fit seeds on one split share their arms.
    return list({run.key: run for run in runs}.values())


def _run(
    method: str,
    is_arm: bool,
    method_version: int,
    overrides: Mapping[str, Any],
    config: Mapping[str, Any],
    device: str,
    family: TaskFamily,
    protocol: EvalProtocol,
    seeds: SeedPair,
    demonstrations: str,
) -> Run:
    identity = {
        "method": method,
        "method_version": method_version,
        "config": config,
        "family": family.info.id,
        "experts": family.info.expert_version,
        "physics": family.info.physics,
        "tasks": [task.key for task in family.tasks],
        "protocol": protocol.rules_hash,
        "split_seed": seeds.split,
        "fit_seed": None if is_arm else seeds.fit,
        "device": device,
        "demonstrations": None if is_arm else demonstrations,
    }
    return Run(
        key=content_hash(identity),
        method=method,
        is_arm=is_arm,
        method_version=method_version,
        overrides=dict(overrides),
        config=dict(config),
        family=family.info.id,
        protocol=protocol,
        seeds=seeds,
        device=device,
        demonstrations=demonstrations,
    )


def _overrides(settings: Sequence[str], methods: Sequence[str]) -> dict[str, dict[str, str]]:
    overrides: dict[str, dict[str, str]] = {name: {} for name in methods}
    for setting in settings:
        left, equals, value = setting.partition("=")
        if not equals or not left.strip():
            raise HyperbenchError(f"--set {setting!r} is not of the form name=value.")
        method, dot, name = left.strip().rpartition(".")
        if dot and method not in overrides:
            raise UnknownNameError("method in --set", method, overrides)
        for chosen in [method] if dot else methods:
            overrides[chosen][name] = value.strip()
    return overrides


def _config(registry: Registry, method: str, overrides: Mapping[str, str]) -> MethodConfig:
    config_class = registry.method_class(method).Config
    for name in overrides:
        if name not in config_class.model_fields:
            raise UnknownNameError(f"setting of {method}", name, config_class.model_fields)
    try:
        return config_class.model_validate(overrides, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise HyperbenchError(
            f"Setting {name!r} of {method}: {first['input']!r} does not fit. {first['msg']}."
        ) from error
