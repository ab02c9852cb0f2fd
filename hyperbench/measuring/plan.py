"""The plan: which runs a command means, as data, before anything is done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hyperbench.arms import RESERVED, arms_of
from hyperbench.errors import HyperbenchError, PluginError, ProtocolError, UnknownNameError
from hyperbench.events import Notify, emit, ignore
from hyperbench.family import TaskFamily
from hyperbench.measuring.dataset import dataset
from hyperbench.measuring.settings import changed_settings, make_config, settings_of
from hyperbench.protocol import EvalProtocol
from hyperbench.registry import Registry
from hyperbench.run import Run

DEVICES = ("auto", "cpu", "cuda")


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
    notify: Notify = ignore,
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
        notify: told of each family that the protocol cannot split; the others are planned.

    Raises:
        HyperbenchError: an unknown name, a setting that no method has, a method that needs support
            under a protocol that hands none over, or no family that the protocol can split.
    """
    families = _splittable(
        [registry.make_family(entry.id) for entry in registry.select_families(suite)],
        protocol,
        notify,
    )
    for name in set(RESERVED) & set(registry.methods):
        raise PluginError(f"Method {name!r} is called like a control arm. Uninstall or rename it.")
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    asked = list(dict.fromkeys(methods))
    learned = [name for name in asked if name not in RESERVED]
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
    said = settings_of(settings, learned)
    configs = {name: make_config(registry, name, said.get(name, {})) for name in chosen}
    overrides = {name: changed_settings(config) for name, config in configs.items()}
    device = _resolve_device(device)
    runs = []
    for family in families:
        demonstrations = dataset(family, protocol.num_demonstrations, data_dir).key
        for seeds in protocol.seeds:
            shared: dict[str, Any] = {
                "key": "",  # of all the rest, when all the rest is known
                "family": family.info.id,
                "protocol": protocol,
                "seeds": seeds,
                "demonstrations": demonstrations,
            }
            planned = [
                Run(method=arm, is_arm=True, device="cpu", **shared) for arm in arms_of(family.info)
            ]
            for name in chosen:
                entry = registry.method_entry(name)
                run = Run(
                    method=name,
                    is_arm=False,
                    method_version=entry.version,
                    overrides=overrides[name],
                    config=configs[name].model_dump(mode="json"),
                    device=device,
                    track=entry.track,
                    **shared,
                )
                planned.append(run)
                if shuffled_spec and name in learned:
                    planned.append(run.model_copy(update={"shuffled_spec": True}))
            runs += [
                run.model_copy(update={"key": run.key_for(family.info, family.tasks)})
                for run in planned
            ]
    # Two fit seeds on one split share their arms.
    return list({run.key: run for run in runs}.values())


def _splittable(
    families: Sequence[TaskFamily], protocol: EvalProtocol, notify: Notify
) -> list[TaskFamily]:
    """Leave out the families that have too few tasks for the protocol."""
    reasons: dict[str, str] = {}
    for family in families:
        try:
            for split_seed in {pair.split for pair in protocol.seeds}:
                protocol.split(family, split_seed)
        except ProtocolError as error:
            reasons[family.info.id] = str(error)
    if len(reasons) == len(families):
        raise ProtocolError("\n".join(f"{id_}: {reason}" for id_, reason in reasons.items()))
    for id_, reason in reasons.items():
        emit(notify, id_, "planning", status="failed", message=reason)
    return [family for family in families if family.info.id not in reasons]


def _resolve_device(asked: str) -> str:
    """The device that ``auto`` stands for, and whether one asked for by name is there."""
    torch = sys.modules.get("torch")  # there once a method that needs it has been imported
    has_gpu = torch is not None and torch.cuda.is_available()
    if asked == "auto":
        return "cuda" if has_gpu else "cpu"
    if asked == "cuda" and torch is not None and not has_gpu:
        raise HyperbenchError("Device 'cuda' was asked for, torch finds no GPU. Use --device cpu.")
    return asked
