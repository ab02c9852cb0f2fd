"""The plan: which runs a command means, as data, before anything is done."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hyperbench.arms import arms_of
from hyperbench.errors import (
    HyperbenchError,
    PluginError,
    ProtocolError,
    UnknownNameError,
    one_line,
)
from hyperbench.events import Notify, emit, ignore
from hyperbench.family import TaskFamily
from hyperbench.hookspecs import MethodEntry
from hyperbench.measuring.dataset import dataset
from hyperbench.measuring.settings import changed_settings, grid_of, make_config, settings_of
from hyperbench.protocol import EvalProtocol
from hyperbench.provenance import torch_with_gpu
from hyperbench.registry import Registry
from hyperbench.registry.own import RESERVED
from hyperbench.run import Run

DEVICES = ("auto", "cpu", "cuda")

Made = TypeVar("Made")


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of a plan, for machines that share nothing.

    Args:
        number: which, from 1.
        num_shards: how many there are.
    """

    number: int
    num_shards: int

    @classmethod
    def read(cls, text: str) -> Shard:
        """Read ``i/n``.

        Raises:
            HyperbenchError: it is something else.
        """
        number, _, num_shards = text.partition("/")
        if number.isdecimal() and num_shards.isdecimal() and 1 <= int(number) <= int(num_shards):
            return cls(int(number), int(num_shards))
        raise HyperbenchError(
            f"--shard takes i/n, such as 1/3, the first of three; found {text!r}."
        )

    def of(self, runs: Sequence[Run]) -> list[Run]:
        """Take every n-th run, so that families and methods are spread."""
        return list(runs[self.number - 1 :: self.num_shards])

    def __str__(self) -> str:
        return f"{self.number}/{self.num_shards}"


def plan(
    registry: Registry,
    methods: Sequence[str],
    suite: str,
    protocol: EvalProtocol,
    *,
    baselines: bool = True,
    settings: Sequence[str] = (),
    sweep: bool = False,
    shuffled_spec: bool = False,
    spec_noises: Sequence[float] = (),
    hidden_features: Sequence[str] = (),
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
        sweep: whether settings have several values, ``"name=value,value"``: every method asked for
            is planned with each way to take one of each.
        shuffled_spec: whether to add, for every method asked for, a run with shuffled specs.
        spec_noises: standard deviations, for each of which to add one with noise on the specs.
        hidden_features: for each of which to add one that is not shown it, where a family has it.
        device: for every method; ``"auto"`` is cuda where torch finds a GPU, else cpu.
        data_dir: root of all demonstrations.
        notify: told of each family that cannot be made or split, and of each method that cannot be
            imported; the others are planned.

    Raises:
        HyperbenchError: an unknown name, a setting that no method has, a method that needs support
            under a protocol that hands none over, or nothing of what was asked for can be planned.
    """
    if device not in DEVICES:
        raise UnknownNameError("device", device, DEVICES)
    names = [name if name in RESERVED else registry.method_named(name) for name in methods]
    asked = list(dict.fromkeys(names))
    learned = [name for name in asked if name not in RESERVED]
    for name in learned:
        if registry.method_entry(name).track not in ("zero-shot", protocol.track):
            few_shot = ", ".join(
                id_ for id_, p in registry.protocols.items() if p.track == "few-shot"
            )
            raise ProtocolError(
                f"Method {name!r} needs support, and {protocol.id} hands none over. "
                f"Run it under {few_shot}."
            )
    beside = [
        name
        for name, entry in registry.methods.items()
        if baselines and entry.baseline and entry.track in ("zero-shot", protocol.track)
    ]
    chosen = list(dict.fromkeys((*learned, *beside)))
    ways = [settings_of(way, learned) for way in (grid_of(settings) if sweep else [settings])]
    families = _planned(
        registry.select_families(suite), lambda id_: _split(registry, id_, protocol), notify
    )
    configs = _planned(
        chosen,
        lambda name: [make_config(registry, name, way.get(name, {}), protocol) for way in ways],
        notify,
        asked,
    )
    variants = [
        (name, config, changed_settings(config, protocol))
        for name, found in configs.items()
        for config in found
    ]
    device = _resolve_device(device)
    faults: list[dict[str, Any]] = [{"shuffled_spec": True}] if shuffled_spec else []
    faults += [{"spec_noise": sigma} for sigma in dict.fromkeys(spec_noises)]
    faults += [{"hidden_feature": name} for name in dict.fromkeys(hidden_features)]
    _check_faults(faults, families.values(), [registry.method_entry(name) for name in learned])
    runs = []
    for family in families.values():
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
            for name, config, overrides in variants:
                entry = registry.method_entry(name)
                run = Run(
                    method=name,
                    is_arm=False,
                    method_version=entry.version,
                    overrides=overrides,
                    config=config.model_dump(mode="json"),
                    device=device,
                    track=entry.track,
                    **shared,
                )
                planned.append(run)
                planned += [
                    run.model_copy(update=fault)
                    for fault in faults
                    if name in learned
                    and fault.get("hidden_feature") in (None, *family.spec_space.names)
                ]
            runs += [
                run.model_copy(update={"key": run.key_for(family.info, family.tasks)})
                for run in planned
            ]
    # Two fit seeds on one split share their arms, and a method may lack what a sweep varies.
    return list({run.key: run for run in runs}.values())


def _check_faults(
    faults: Sequence[Mapping[str, Any]],
    families: Iterable[TaskFamily],
    methods: Iterable[MethodEntry],
) -> None:
    """Refuse faults that specs cannot have."""
    known = {name for family in families for name in family.spec_space.names}
    shown_support = [entry.name for entry in methods if entry.track == "few-shot"]
    for fault in faults:
        sigma, name = fault.get("spec_noise", 1.0), fault.get("hidden_feature")
        if not 0 < sigma < math.inf:
            raise HyperbenchError(f"--spec-noise takes a number above 0, found {sigma:g}.")
        if name is not None and name not in known:
            raise UnknownNameError("feature to hide", name, known)
        if shown_support and "shuffled_spec" not in fault:
            raise ProtocolError(
                f"Method {shown_support[0]!r} is shown support by spec, and faulty specs may be "
                "equal: --spec-noise and --hide-feature are for methods that see the spec alone."
            )


def families_of(registry: Registry, suite: str, notify: Notify) -> list[TaskFamily]:
    """Make the families of a suite, or the one asked for.

    Args:
        registry: resolves the names.
        suite: a suite or a family.
        notify: told of each family that cannot be made, where others can.

    Raises:
        HyperbenchError: the name is unknown, or none of them can be made.
    """
    ids = registry.select_families(suite)
    return list(_planned(ids, registry.make_family, notify).values())


def _planned(
    names: Sequence[str],
    make: Callable[[str], Made],
    notify: Notify,
    asked: Sequence[str] | None = None,
) -> dict[str, Made]:
    """Make what each name stands for, and leave out what cannot be planned with.

    Args:
        names: of families or methods.
        make: gives what is planned with; its ``PluginError`` or ``ProtocolError``, or whatever a
            stranger's code raises, leaves one out. Other errors of ours are the user's.
        notify: told what is left out, and why.
        asked: of which one at least must be there, control arms among them; all by default.

    Raises:
        PluginError: nothing of what was asked for can be planned.
    """
    made: dict[str, Made] = {}
    reasons: dict[str, str] = {}
    for name in names:
        try:
            made[name] = make(name)
        except (PluginError, ProtocolError) as error:
            reasons[name] = str(error)
        except HyperbenchError:
            raise
        except Exception as error:
            reasons[name] = one_line(error)
    asked = names if asked is None else asked
    if asked and all(name in reasons for name in asked):
        told = {name: reasons[name] for name in asked}
        raise PluginError(
            "\n".join(why if name in why else f"{name}: {why}" for name, why in told.items())
        )
    for name, reason in reasons.items():
        emit(notify, name, "planning", status="failed", message=reason)
    return made


def _split(registry: Registry, id_: str, protocol: EvalProtocol) -> TaskFamily:
    """Make a family that the protocol can split."""
    family = registry.make_family(id_)
    for split_seed in {pair.split for pair in protocol.seeds}:
        protocol.split(family, split_seed)
    return family


def _resolve_device(asked: str) -> str:
    """The device that ``auto`` stands for, and whether one asked for by name is there."""
    has_gpu = torch_with_gpu() is not None
    if asked == "auto":
        return "cuda" if has_gpu else "cpu"
    # It is there once a method that needs it has been imported.
    if asked == "cuda" and "torch" in sys.modules and not has_gpu:
        raise HyperbenchError("Device 'cuda' was asked for, torch finds no GPU. Use --device cpu.")
    return asked
