"""Alterations of a run's folder, by the careless and by forgers who mend the checksums."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import Table, parquet
from safetensors.numpy import load_file, save_file

from hyperbench.files import sha256_file
from hyperbench.records.record import content_checksum
from hyperbench.records.store import EPISODES, POLICIES, RECORD, StoredRun
from hyperbench.testing.line import LineFamily

_KIND = {"kind": "mlp", "activation": "tanh", "squash": "clip"}
_AS_GENERATED = {"policies": json.dumps(_KIND)}


def change_record(folder: Path, change: Callable[[dict], None], *, forge: bool = False) -> None:
    """Alter ``record.json``; a forger also gives it the checksums that then fit."""
    content = json.loads((folder / RECORD).read_text())
    change(content)
    if forge:
        content["sha256"] |= {
            name: sha256_file(folder / name)
            for name in content["sha256"]
            if (folder / name).is_file()
        }
        content["content_sha256"] = content_checksum(content)
    (folder / RECORD).write_text(json.dumps(content))


def unchanged(content: dict) -> None:
    pass


def change_episodes(folder: Path, name: str, change: Callable[[np.ndarray], Any]) -> None:
    columns = parquet.read_table(folder / EPISODES).to_pydict()
    columns[name] = change(np.array(columns[name]))
    parquet.write_table(Table.from_pydict(columns), folder / EPISODES)


def with_one(index: int, make: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    def change(values: np.ndarray) -> np.ndarray:
        values[index] = make(values[index])
        return values

    return change


def leaves(content: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where in a parsed file a number, text or truth is."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        for name, value in items:
            yield from leaves(value, (*path, name))
    elif content is not None:
        yield path


def one_return(folder: Path) -> None:
    change_episodes(folder, "return", with_one(3, lambda value: value + 0.5))


def one_weight(folder: Path) -> None:
    arrays = load_file(folder / POLICIES)
    arrays["weight_0"][1, 0, 0] += 0.25
    save_file(arrays, folder / POLICIES, _AS_GENERATED)


def one_hash(folder: Path) -> None:
    def change(content: dict) -> None:
        digits = content["sha256"][POLICIES]
        content["sha256"][POLICIES] = ("1" if digits[0] == "0" else "0") + digits[1:]

    change_record(folder, change)


def truncated(name: str) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return cut


def missing(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def unlisted(folder: Path) -> None:
    change_record(folder, lambda content: content["sha256"].pop(POLICIES))


def forged(change: Callable[[dict], None]) -> Callable[[Path], None]:
    """Alter the record and give it the key and checksums that then fit."""

    def alter(folder: Path) -> None:
        change_record(folder, change, forge=True)
        family = LineFamily()
        key = StoredRun.read(folder).record.key_for(family.info, family.tasks)
        change_record(folder, lambda content: content.update(key=key), forge=True)

    return alter


def nan_return(folder: Path) -> None:
    change_episodes(folder, "return", with_one(0, lambda _: np.nan))


def nan_weight(folder: Path) -> None:
    arrays = load_file(folder / POLICIES)
    arrays["bias_1"][2] = np.nan
    save_file(arrays, folder / POLICIES, _AS_GENERATED)


def swapped_tasks(folder: Path) -> None:
    change_episodes(folder, "task", lambda keys: [*keys[2:], *keys[:2]])


def moved_target(content: dict) -> None:
    task = content["split"]["target"][0]
    task["region"] = "inter" if task["region"] == "extrapolation" else "extra"
    task["region"] += "polation"
