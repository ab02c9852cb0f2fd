"""The plan: which runs a command means, as data, before anything is done."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hyperbench.collect import dataset
from hyperbench.errors import HyperbenchError, PluginError, ProtocolError, UnknownNameError
from hyperbench.family import FamilyInfo, TaskFamily
from hyperbench.generator import MethodConfig
from hyperbench.policy import ARITHMETIC
from hyperbench.protocol import EvalProtocol, SeedPair, Track
from hyperbench.record import RunRecord
from hyperbench.references import ARMS
from hyperbench.registry import Registry
from hyperbench.seeding import content_hash
from hyperbench.task import TaskSpec

DEVICES = ("auto", "cpu", "cuda")


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
        track: what the method sees of a target task; zero-shot methods may run under few-shot
            protocols, and see the spec alone there, too.
        shuffled_spec: whether each policy is generated for another target task's spec.
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
    track: Track = "zero-shot"
    shuffled_spec: bool = False

    @property
    def label(self) -> str:
        """The run for people: method, family and seeds."""
        seeds = f"split {self.seeds.split}"
        if not self.is_arm:
            seeds += f", fit {self.seeds.fit}"
        return f"{method_label(self)} on {self.family} ({seeds})"

    @property
    def num_support(self) -> int:
        """Demonstrations of each target task that the method is handed; 0 if not few-shot."""
        return self.protocol.num_support if self.track == self.protocol.track == "few-shot" else 0


def method_label(run: Run | RunRecord) -> str:
    """A run's method as a board names it.

    With the settings that were changed, whether specs were shuffled, and, where other methods see
    support, whether this one did not.
    """
    label = run.method
    if run.overrides:
        settings = ", ".join(f"{name}={value}" for name, value in sorted(run.overrides.items()))
        label += f" [{settings}]"
    notes = ["shuffled-spec"] if run.shuffled_spec else []
    if run.protocol.track == "few-shot" and run.track == "zero-shot" and not run.is_arm:
        notes.append("zero-shot")
    return f"{label} ({', '.join(notes)})" if notes else label


def plan(
    registry: Registry,
    methods: Sequence[str],
    suite: str,
    protocol: EvalProtocol,
    *,
    baselines: bool = True,
    settings: Sequence[str] = (),
    shuffled_spec: bool = False,
    device: str = "cpu",
    data_dir: Path = Path(),
) -> list[Run]:
    """List the runs of a command: control arms, baselines and the methods asked for.

    Args:
        registry: resolves the names.
        methods: asked for.
        suite: a suite or a family.
        protocol: the rules and the seed pairs.
        baselines: whether to measure the registered baseline methods as well; few-shot ones only
            under a few-shot protocol.
        settings: ``"name=value"`` for every method asked for, or ``"method.name=value"`` for one.
        shuffled_spec: whether to add, for every method asked for, a run with shuffled specs.
        device: for every method; ``"auto"`` is cuda where torch finds a GPU, else cpu.
        data_dir: root of all demonstrations.

    Raises:
        HyperbenchError: an unknown name, a setting that no method has, or a method that needs
            support under a protocol that hands none over.
    """
    families = [registry.make_family(entry.id) for entry in registry.select_families(suite)]
    for name in set(ARMS) & set(registry.methods):
        raise PluginError(f"Method {name!r} is called like a control arm. Uninstall or rename it.")
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    asked = list(dict.fromkeys(methods))
    learned = [name for name in asked if name not in ARMS]
    for name in learned:
        if registry.method_entry(name).track not in ("zero-shot", protocol.track):
            few_shot = ", ".join(p.id for p in registry.protocols.values() if p.track == "few-shot")
            raise ProtocolError(
                f"Method {name!r} needs support, and {protocol.id} hands none over. "
                f"Run it under {few_shot}."
            )
    beside = [
        entry.name
        for entry in registry.methods.values()
        if baselines and entry.baseline and entry.track in ("zero-shot", protocol.track)
    ]
    chosen = list(dict.fromkeys((*learned, *beside)))
    overrides: dict[str, dict[str, str]] = {name: {} for name in chosen}
    overrides |= _overrides(settings, learned)
    configs = {name: _config(registry, name, overrides[name]) for name in chosen}
    device = _resolve_device(device)
    runs = []
    for family in families:
        demonstrations = dataset(family, protocol.num_demonstrations, data_dir).key
        for seeds in protocol.seeds:
            shared = (family, protocol, seeds, demonstrations)
            runs += [_run(arm, True, 0, {}, {}, "cpu", *shared) for arm in ARMS]
            for name in chosen:
                entry = registry.method_entry(name)
                config = configs[name].model_dump(mode="json")
                method = (name, False, entry.version, overrides[name], config, device, *shared)
                runs.append(_run(*method, track=entry.track))
                if shuffled_spec and name in learned:
                    runs.append(_run(*method, track=entry.track, shuffled_spec=True))
    # Two fit seeds on one split share their arms.
    return list({run.key: run for run in runs}.values())


def run_key(run: Run | RunRecord, info: FamilyInfo, tasks: Sequence[TaskSpec]) -> str:
    """Content hash of everything that decides a run's result.

    Args:
        run: what is planned, or the record of what was done.
        info: of the run's family, as it was when the run was planned.
        tasks: all of the family's.
    """
    identity: dict[str, Any] = {
        "method": run.method,
        "method_version": run.method_version,
        "config": run.config,
        "family": info.id,
        "experts": info.expert_version,
        "physics": info.physics,
        "tasks": [task.key for task in tasks],
        "protocol": run.protocol.rules_hash,
        "split_seed": run.seeds.split,
        "fit_seed": None if run.is_arm else run.seeds.fit,
        "device": run.device,
        "demonstrations": None if run.is_arm else run.demonstrations,
        "arithmetic": ARITHMETIC,
    }
    # Left out where they are as they were before there was a choice: finished runs keep their keys.
    if run.track != "zero-shot":
        identity["track"] = run.track
    if run.shuffled_spec:
        identity["shuffled_spec"] = True
    return content_hash(identity)


def _resolve_device(asked: str) -> str:
    """The device that ``auto`` stands for, and whether one asked for by name is there."""
    torch = sys.modules.get("torch")  # there once a method that needs it has been imported
    has_gpu = torch is not None and torch.cuda.is_available()
    if asked == "auto":
        return "cuda" if has_gpu else "cpu"
    if asked == "cuda" and torch is not None and not has_gpu:
        raise HyperbenchError("Device 'cuda' was asked for, torch finds no GPU. Use --device cpu.")
    return asked


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
    *,
    track: Track = "zero-shot",
    shuffled_spec: bool = False,
) -> Run:
    run = Run(
        key="",
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
        track=track,
        shuffled_spec=shuffled_spec,
    )
    return replace(run, key=run_key(run, family.info, family.tasks))


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
