"""``--like``: a record made into the command that measures it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hyperbench.cli.options import expand
from hyperbench.errors import DataError

if TYPE_CHECKING:
    from hyperbench.protocol import EvalProtocol
    from hyperbench.records.record import RunRecord


def read_like(
    context: typer.Context, param: typer.CallbackParam, folder: Path | None
) -> Path | None:
    """Let a record set the command's options; what is given elsewhere wins."""
    folder = expand(context, param, folder)
    if folder is None:
        return None
    record = record_at(folder)
    said = {
        "method": [record.method],
        "suite": record.family,
        "protocol": record.protocol.id,
        "baselines": False,
        "shuffled_spec": record.shuffled_spec,
        "spec_noise": [record.spec_noise] if record.spec_noise else None,
        "hide_feature": None if record.hidden_feature is None else [record.hidden_feature],
    }
    if not record.is_arm:
        said["device"] = record.device
    context.default_map = {**said, **(context.default_map or {})}
    return folder


Like = Annotated[
    Path | None,
    typer.Option(
        "--like",
        callback=read_like,
        is_eager=True,
        envvar="HYPERBENCH_LIKE",
        help="Folder of a run: its method, settings, family, protocol, seeds and device, where no "
        "other option says otherwise.",
    ),
]


def settings_like(record: RunRecord, methods: list[str], settings: list[str]) -> list[str]:
    """The settings of a record, and those that are given, which go before.

    A budget that the record's protocol gave is no setting of it.
    """
    from hyperbench.run import spelled

    if record.method not in methods:
        return settings
    given = {setting.partition("=")[0].strip().rpartition(".")[2] for setting in settings}
    by_protocol = record.protocol.budget(record.config)
    return settings + [
        f"{record.method}.{name}={spelled(value)}"
        for name, value in record.config.items()
        if name not in given and by_protocol.get(name) != value
    ]


def check_rules(record: RunRecord, protocol: EvalProtocol) -> None:
    """Refuse rules that differ from those of a record under the same name."""
    rules = record.protocol
    if rules.id == protocol.id and rules.rules_hash != protocol.rules_hash:
        raise DataError(
            f"Run {record.key} follows other rules under the name {rules.id}: those of this "
            "installation differ. Name another --protocol, or install what made the run."
        )


def record_at(folder: Path) -> RunRecord:
    """The record in the folder of a run, or in a bundle of a committed board."""
    from hyperbench.records.bundled import open_run

    return open_run(folder).record
